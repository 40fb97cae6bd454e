/* From sums to steps of the output: TFLite's MultiplyByQuantizedMultiplier, in portable C. */
#ifndef NASC_REQUANTIZE_H
#define NASC_REQUANTIZE_H

#include "kernels.h"

/* value * 2^left * multiplier / 2^31, then / 2^right, each rounded to nearest. |value * 2^left| < 2^30.
 *
 * SaturatingRoundingDoublingHighMul rounds ties upwards, also below zero: its nudge is one short of a half there and
 * its division truncates. That is what adding a half and shifting does; >> of a negative number is arithmetic in every
 * compiler this is built with. RoundingDivideByPOT rounds ties away from zero: hence one less for negative values. */
static inline int32_t nasc_multiply(int32_t value, int32_t multiplier, int32_t left, int32_t right)
{
    const int64_t product = (int64_t)(value * (INT32_C(1) << left)) * multiplier;
    const int32_t high = (int32_t)((product + (INT64_C(1) << 30)) >> 31);
    if (right == 0) {
        return high;
    }
    return (high + (high >> 31) + (INT32_C(1) << (right - 1))) >> right;
}

static inline int32_t nasc_scale(int32_t value, const nasc_scale_t *scale)
{
    return nasc_multiply(value, scale->multiplier, scale->left, scale->right);
}

static inline int32_t nasc_clamp(int32_t value, int32_t low, int32_t high)
{
    const int32_t raised = value < low ? low : value; /* one by one, which compiles without a branch */
    return raised > high ? high : raised;
}

/* The output of one channel from its sum of products without the bias. */
static inline int8_t nasc_requantize(int32_t sum, const nasc_channel_t *channel, const nasc_window_t *window)
{
    const int32_t steps = nasc_multiply(sum + channel->bias, channel->multiplier, channel->left, channel->right);
    return (int8_t)nasc_clamp(steps + window->out_zero, window->low, window->high);
}

#endif
