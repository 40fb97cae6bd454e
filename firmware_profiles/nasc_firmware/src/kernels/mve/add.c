/* Element-wise sum of two tensors with scales of their own, four elements at a time. */
#include "../add.h"

#include <arm_mve.h>
#include <stdbool.h>

#include "requantize.h"

enum { LANES = 4 };

typedef struct {
    int32_t zero; /* shifted, and negative */
    int32_t multiplier, right;
} operand_t;

typedef struct {
    operand_t a, b;
    int32_t multiplier, right;
    nasc_limits_t limits;
} sum_t;

static bool fits(const nasc_add_t *add)
{
    return add->a_scale.left == 0 && add->b_scale.left == 0 && add->out_scale.left == 0 && add->out_scale.right != 0;
}

static operand_t operand(int32_t zero, const nasc_scale_t *scale)
{
    const operand_t own = {-zero * (INT32_C(1) << NASC_HEADROOM), scale->multiplier, scale->right};
    return own;
}

/* Ties away from zero, for shifts other than 0; requantize.h tells about the one less. */
static inline int32x4_t divide(int32x4_t high, int32_t right)
{
    return vrshlq_n_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), -right);
}

static inline int32x4_t scale(int32x4_t steps, const operand_t *operand, bool shifts)
{
    const int32x4_t shifted = vmlasq_n_s32(steps, vdupq_n_s32(INT32_C(1) << NASC_HEADROOM), operand->zero);
    const int32x4_t high = vqrdmulhq_n_s32(shifted, operand->multiplier);
    return shifts ? divide(high, operand->right) : high;
}

static inline int32x4_t add_four(int32x4_t a, int32x4_t b, const sum_t *sum, bool a_shifts, bool b_shifts)
{
    const int32x4_t total = vaddq_s32(scale(a, &sum->a, a_shifts), scale(b, &sum->b, b_shifts));
    const int32x4_t steps = divide(vqrdmulhq_n_s32(total, sum->multiplier), sum->right);
    return vminq_s32(vmaxq_s32(vaddq_n_s32(steps, sum->limits.zero), sum->limits.low), sum->limits.high);
}

/* b_step: LANES, or 0 where b is one value LANES times over. */
static inline void add_all(const sum_t *given, const int8_t *a, const int8_t *b, int8_t *output, uint32_t count,
                           uint32_t b_step, bool a_shifts, bool b_shifts)
{
    const sum_t sum = *given;
    for (; count >= LANES; count -= LANES, a += LANES, b += b_step, output += LANES) {
        vstrbq_s32(output, add_four(vldrbq_s32(a), vldrbq_s32(b), &sum, a_shifts, b_shifts));
    }
    if (count != 0) {
        const mve_pred16_t lanes = vctp32q(count);
        const int32x4_t steps = add_four(vldrbq_z_s32(a, lanes), vldrbq_z_s32(b, lanes), &sum, a_shifts, b_shifts);
        vstrbq_p_s32(output, steps, lanes);
    }
}

void nasc_add(const nasc_add_t *add, const int8_t *a, const int8_t *b, int8_t *output, uint32_t count,
              uint32_t b_count)
{
    const bool scalar = b_count == 1;
    if (!fits(add)) {
        nasc_add_directly(add, a, b, output, count, scalar ? 0 : 1);
        return;
    }
    const nasc_limits_t limits = {vdupq_n_s32(add->low), vdupq_n_s32(add->high), add->out_zero};
    const sum_t sum = {operand(add->a_zero, &add->a_scale), operand(add->b_zero, &add->b_scale),
                       add->out_scale.multiplier, add->out_scale.right, limits};
    const int8_t repeated[LANES] = {*b, *b, *b, *b};
    const int8_t *const second = scalar ? repeated : b;
    const uint32_t b_step = scalar ? 0 : LANES;
    /* The larger scale of the two is not shifted. */
    if (add->a_scale.right == 0 && add->b_scale.right == 0) {
        add_all(&sum, a, second, output, count, b_step, false, false);
    } else if (add->a_scale.right == 0) {
        add_all(&sum, a, second, output, count, b_step, false, true);
    } else if (add->b_scale.right == 0) {
        add_all(&sum, a, second, output, count, b_step, true, false);
    } else {
        add_all(&sum, a, second, output, count, b_step, true, true);
    }
}
