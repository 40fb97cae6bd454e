/* Two sums of one channel to two outputs at once. */
#ifndef NASC_DSP_REQUANTIZE_H
#define NASC_DSP_REQUANTIZE_H

#include "../kernels.h"
#include "instructions.h"

/* The same value in both lanes. */
typedef struct {
    uint32_t zero, low, high;
} nasc_limits_t;

static inline uint32_t nasc_both_lanes(int8_t value)
{
    return ((uint32_t)(int32_t)value & 0xffffu) * 0x10001u;
}

static inline nasc_limits_t nasc_limits(const nasc_window_t *window)
{
    const nasc_limits_t limits = {nasc_both_lanes(window->out_zero), nasc_both_lanes(window->low),
                                  nasc_both_lanes(window->high)};
    return limits;
}

typedef struct {
    int32_t bias, multiplier;
    int32_t left; /* one more than the channel's: SMMULR divides by 2^32, not 2^31 */
    int32_t right;
    int32_t half; /* of what the shift to the right divides by */
} nasc_rounding_t;

static inline nasc_rounding_t nasc_rounding(const nasc_channel_t *channel)
{
    const nasc_rounding_t rounding = {channel->bias, channel->multiplier, channel->left + 1, channel->right,
                                      (int32_t)((UINT32_C(1) << channel->right) >> 1)};
    return rounding;
}

/* |(sum + bias) << left| < 2^30 keeps the shift by one more within 32 bits. */
static inline int32_t nasc_scale_sum(int32_t sum, const nasc_rounding_t *rounding)
{
    const int32_t shifted = (int32_t)((uint32_t)(sum + rounding->bias) << rounding->left);
    return nasc_multiply_high(shifted, rounding->multiplier);
}

/* Two outputs, each in a lane; ../requantize.h tells about the rounding. */
static inline uint32_t nasc_requantize_two(int32_t first, int32_t second, const nasc_rounding_t *rounding,
                                           const nasc_limits_t *limits)
{
    int32_t a = nasc_scale_sum(first, rounding), b = nasc_scale_sum(second, rounding);
    if (rounding->right != 0) {
        a = (a + (a >> 31) + rounding->half) >> rounding->right;
        b = (b + (b >> 31) + rounding->half) >> rounding->right;
    }
    const uint32_t steps = nasc_pack_bottom(nasc_saturate_16(a), nasc_saturate_16(b));
    const uint32_t shifted = nasc_add_lanes(steps, limits->zero);
    return nasc_smaller_lanes(nasc_larger_lanes(shifted, limits->low), limits->high);
}

#endif
