/* Four sums to four outputs at once. */
#ifndef NASC_MVE_REQUANTIZE_H
#define NASC_MVE_REQUANTIZE_H

#include <arm_mve.h>

#include "../kernels.h"

/* Lanes of four channels; right is negative, as VRSHL wants it. */
typedef struct {
    int32x4_t bias, multiplier, left, right;
} nasc_rounding_t;

/* Four neighbouring channels: VLD4 takes their structures apart. */
static inline nasc_rounding_t nasc_rounding(const nasc_channel_t *channels)
{
    const int32x4x4_t fields = vld4q_s32((const int32_t *)channels);
    const nasc_rounding_t rounding = {fields.val[0], fields.val[1], fields.val[2], vnegq_s32(fields.val[3])};
    return rounding;
}

/* VQRDMULH is SaturatingRoundingDoublingHighMul; VRSHL rounds ties upwards, so one is taken from what is negative
 * before it (and from nothing where nothing is shifted). */
static inline int32x4_t nasc_round(int32x4_t sums, const nasc_rounding_t *rounding)
{
    const int32x4_t shifted = vshlq_s32(vaddq_s32(sums, rounding->bias), rounding->left);
    const int32x4_t high = vqrdmulhq_s32(shifted, rounding->multiplier);
    /* The sign bits of both: -1 where high < 0 and right > 0. */
    const int32x4_t less = vshrq_n_s32(vandq_s32(high, rounding->right), 31);
    return vrshlq_s32(vaddq_s32(high, less), rounding->right);
}

typedef struct {
    int32x4_t low, high;
    int32_t zero;
} nasc_limits_t;

static inline nasc_limits_t nasc_limits(const nasc_window_t *window)
{
    const nasc_limits_t limits = {vdupq_n_s32(window->low), vdupq_n_s32(window->high), window->out_zero};
    return limits;
}

static inline int32x4_t nasc_requantize_four(int32x4_t sums, const nasc_rounding_t *rounding,
                                             const nasc_limits_t *limits)
{
    const int32x4_t steps = vaddq_n_s32(nasc_round(sums, rounding), limits->zero);
    return vminq_s32(vmaxq_s32(steps, limits->low), limits->high);
}

#endif
