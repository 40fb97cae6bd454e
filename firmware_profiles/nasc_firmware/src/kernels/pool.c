/* Average pool; scale and zero point pass through, so stored steps are averaged as they are. */
#include <stdbool.h>

#include "copy.h"
#include "kernels.h"
#include "requantize.h"
#include "sum_four.h"

enum { BLOCK = 4 };

typedef struct {
    int32_t first, last; /* last is excluded */
} span_t;

/* The part of a window that lies inside the input, along one axis. */
static span_t inside(int32_t origin, int32_t kernel, int32_t size)
{
    const span_t span = {origin < 0 ? 0 : origin, origin + kernel > size ? size : origin + kernel};
    return span;
}

/* Division of a sum by the count of its taps n, as a multiplication. The mean, rounded half away from zero, is
 * floor((sum + floor(n / 2) - less) / n), less being 1 where the sum is negative and n even. Taps raised by 128 make it
 * positive, and the mean too large by 128. For x below 256.5 n and m = ceil(2^23 / n), floor(x / n) = x * m >> 23
 * as long as x * (m * n - 2^23) < 2^23: the second factor is below n, so n * n * 256.5 < 2^23 is enough. x * m stays
 * below 256.5 * (2^23 + n) < 2^32. Both hold up to n = NASC_MOST_TAPS. */
enum { MEAN_SHIFT = 23 };

typedef struct {
    uint32_t multiplier, half;
    int32_t positive_from; /* raised sums below it get one less */
} mean_t;

static mean_t mean_of(uint32_t taps)
{
    const mean_t mean = {((UINT32_C(1) << MEAN_SHIFT) + taps - 1) / taps, taps / 2,
                         taps % 2 == 0 ? (int32_t)(NASC_TAP_BIAS * taps) : 0};
    return mean;
}

static inline int32_t divide(uint32_t raised, const mean_t *mean)
{
    const uint32_t less = (uint32_t)((int32_t)(raised - (uint32_t)mean->positive_from) >> 31);
    return (int32_t)((raised + mean->half + less) * mean->multiplier >> MEAN_SHIFT) - NASC_TAP_BIAS;
}

/* Four channels at a time; the last four reach back over some that are done. */
static void average_by_fours(const nasc_window_t *window, const nasc_taps_t *taps, const mean_t *mean,
                             const int8_t *steps, int8_t *output)
{
    const mean_t own = *mean; /* or all of it would be loaded again after each store of a byte */
    const int32_t low = window->low, high = window->high;
    for (uint32_t channel = 0; channel < window->in_channels; channel += BLOCK) {
        uint32_t sums[BLOCK];
        if (channel + BLOCK > window->in_channels) {
            channel = window->in_channels - BLOCK;
        }
        nasc_sum_four(taps, steps + channel, sums);
        output[channel] = (int8_t)nasc_clamp(divide(sums[0], &own), low, high);
        output[channel + 1] = (int8_t)nasc_clamp(divide(sums[1], &own), low, high);
        output[channel + 2] = (int8_t)nasc_clamp(divide(sums[2], &own), low, high);
        output[channel + 3] = (int8_t)nasc_clamp(divide(sums[3], &own), low, high);
    }
}

/* Any number of taps and channels. */
static void average_one_by_one(const nasc_window_t *window, const nasc_taps_t *taps, const int8_t *steps,
                               int8_t *output)
{
    const int32_t count = (int32_t)(taps->rows * taps->columns);
    for (uint32_t channel = 0; channel < window->in_channels; channel++) {
        const int8_t *row = steps + channel;
        int32_t total = 0;
        for (uint32_t y = 0; y < taps->rows; y++, row += taps->row_bytes) {
            const int8_t *step = row;
            for (uint32_t x = 0; x < taps->columns; x++, step += taps->column_bytes) {
                total += *step;
            }
        }
        const int32_t mean = total > 0 ? (total + count / 2) / count : (total - count / 2) / count;
        output[channel] = (int8_t)nasc_clamp(mean, window->low, window->high);
    }
}

void nasc_average_pool(const nasc_window_t *window, const int8_t *input, int8_t *output)
{
    const uint32_t channels = window->in_channels, row_bytes = window->in_width * channels;
    const bool words = channels % BLOCK == 0 || (NASC_ANY_ADDRESS && channels > BLOCK);
    uint32_t divisor = 0;
    mean_t mean = {0, 0, 0};
    for (int32_t y = 0; y < window->out_height; y++) {
        const span_t rows = inside(y * window->stride_height - window->pad_top, window->kernel_height,
                                   window->in_height);
        for (int32_t x = 0; x < window->out_width; x++, output += channels) {
            const span_t columns = inside(x * window->stride_width - window->pad_left, window->kernel_width,
                                          window->in_width);
            const nasc_taps_t taps = {(uint32_t)(rows.last - rows.first), (uint32_t)(columns.last - columns.first),
                                      row_bytes, channels};
            const uint32_t count = taps.rows * taps.columns;
            const int8_t *const steps = input + (uint32_t)rows.first * row_bytes + (uint32_t)columns.first * channels;
            if (!words || count > NASC_MOST_TAPS) {
                average_one_by_one(window, &taps, steps, output);
                continue;
            }
            if (count != divisor) {
                divisor = count;
                mean = mean_of(count);
            }
            average_by_fours(window, &taps, &mean, steps, output);
        }
    }
}
