/* The head that runs: its input and output, and the counts of its operators. */
#ifndef NASC_HEAD_H
#define NASC_HEAD_H

#include <stdint.h>

#include "plan.h"
#include "status.h"

/* Checks a plan and makes it the one that runs; on a fault none runs. bytes stay where they are. */
nasc_plan_fault_t nasc_head_load(const uint8_t *bytes, uint32_t length);
void nasc_head_unload(void);

/* Makes the golden input, which the plan names, the head's input. Profiles use it: some kernels' time depends on it. */
nasc_status_t nasc_head_prepare(void);

/* Runs the golden input: NASC_OK, or NASC_GOLDEN_FAILED. */
nasc_status_t nasc_head_try(void);

/* Operators of the head; 0 without one. */
uint32_t nasc_head_operators(void);
uint32_t nasc_head_input_bytes(void);
uint32_t nasc_head_output_bytes(void);

/* Of the tensor that an operator writes; index < nasc_head_operators(). */
const char *nasc_head_operator_name(uint32_t index);

/* The next bytes of the input; offset 0 begins anew. NASC_WRONG_OFFSET for others, NASC_TOO_LARGE for too many. */
nasc_status_t nasc_head_write_input(uint32_t offset, const uint8_t *bytes, uint32_t count);

/* In the arena; valid until the next run. NULL without a head. */
const int8_t *nasc_head_output(void);

/* The checksum in the plan's header, which tells one from another; 0 without a head. */
uint32_t nasc_head_plan_crc32(void);

/* One run: counts[i] of operator i, *whole of everything, in units of nasc_port_now; either may be NULL.
 * Returns NASC_NO_HEAD without one. The input is used up, for the arena reuses it: NASC_WRONG_OFFSET without a whole new
 * one. */
nasc_status_t nasc_head_run(uint32_t *counts, uint32_t *whole);

/* Counts that one pair of hooks costs. */
uint32_t nasc_head_overhead(void);

/* Bytes of the arena up to the last one that was written since the head was loaded, and the arena's size. */
uint32_t nasc_head_arena_used(void);
uint32_t nasc_head_arena_bytes(void);

#endif
