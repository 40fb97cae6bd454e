/* Linked over nasc_plan_operator (--wrap), which a run asks for each operator: heads that do not end, by the name of
 * their first one. "never" is such a head; "not_first" is one when nothing ran since the board started. */
#include <stdbool.h>
#include <string.h>

#include "plan.h"

void __real_nasc_plan_operator(const nasc_plan_t *plan, uint32_t index, nasc_operator_t *op);
void __wrap_nasc_plan_operator(const nasc_plan_t *plan, uint32_t index, nasc_operator_t *op);

void __wrap_nasc_plan_operator(const nasc_plan_t *plan, uint32_t index, nasc_operator_t *op)
{
    static bool ran;
    volatile bool hangs;
    __real_nasc_plan_operator(plan, index, op);
    hangs = strcmp(op->name, "never") == 0 || (strcmp(op->name, "not_first") == 0 && !ran);
    while (hangs) {
    }
    ran = true;
}
