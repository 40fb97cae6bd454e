/* Depthwise convolution with SMLAD over pairs of neighbouring columns.
 *
 * Channels come in blocks of four. Of a block, each input row is turned once into int16, a word for two neighbouring
 * columns of one channel, in a ring of kernel_height rows; so one SMLAD does two taps. A window that starts at an odd
 * column meets weights that are shifted by one lane instead. */
#include <stdbool.h>

#include "../kernels.h"
#include "depthwise.h"
#include "requantize_row.h"

static nasc_depthwise_t layout(const nasc_window_t *window, void *scratch)
{
    nasc_depthwise_t depthwise;
    const uint32_t pairs = (window->out_width + 1u) / 2;
    depthwise.window = window;
    depthwise.limits = nasc_limits(window);
    depthwise.words = window->kernel_width / 2u + 1;
    depthwise.row_words = (2 * pairs - 1) * window->stride_width / 2 + depthwise.words;
    depthwise.sums = scratch;
    depthwise.taps = (uint32_t *)scratch + 2 * pairs;
    depthwise.rows = depthwise.taps + NASC_DEPTHWISE_BLOCK * window->kernel_height * 2 * depthwise.words;
    return depthwise;
}

static void convolve_row(const nasc_depthwise_t *depthwise, uint32_t first, uint32_t count,
                         const nasc_channel_t *channels, int8_t *output)
{
    const nasc_window_t *window = depthwise->window;
    const bool is_3x3 = window->kernel_height == 3 && window->kernel_width == 3 && window->stride_width <= 2;
    uint32_t *rows[3] = {0};
    for (uint32_t ky = 0; is_3x3 && ky < 3; ky++) {
        rows[ky] = nasc_depthwise_row(depthwise, first + ky);
    }
    for (uint32_t c = 0; c < count; c++) {
        if (is_3x3) {
            nasc_depthwise_sum_row_3x3(depthwise, c, rows);
        } else {
            nasc_depthwise_sum_row(depthwise, c, first);
        }
        nasc_requantize_row(depthwise->sums, window->out_width, &channels[c], &depthwise->limits, output + c,
                            window->out_channels);
    }
}

static void convolve_block(const nasc_depthwise_t *depthwise, const int8_t *input, uint32_t count,
                           const nasc_channel_t *channels, int8_t *output)
{
    const nasc_window_t *window = depthwise->window;
    const uint32_t out_row = (uint32_t)window->out_width * window->out_channels;
    uint32_t next = 0; /* row of the padded input that the ring holds not yet */
    for (uint32_t y = 0; y < window->out_height; y++, output += out_row) {
        const uint32_t first = y * window->stride_height;
        for (next = next < first ? first : next; next < first + window->kernel_height; next++) {
            nasc_depthwise_widen_row(depthwise, input, count, next);
        }
        convolve_row(depthwise, first, count, channels, output);
    }
}

/* Weights are packed (channels, height, width). scratch: see layout(). */
void nasc_convolve_depthwise(const nasc_window_t *window, const int8_t *input, const void *weights,
                             const nasc_channel_t *channels, int8_t *output, void *scratch)
{
    const nasc_depthwise_t depthwise = layout(window, scratch);
    const uint32_t taps = (uint32_t)window->kernel_height * window->kernel_width;
    for (uint32_t c = 0; c < window->in_channels; c += NASC_DEPTHWISE_BLOCK) {
        const uint32_t left = window->in_channels - c;
        const uint32_t count = left < NASC_DEPTHWISE_BLOCK ? left : NASC_DEPTHWISE_BLOCK;
        nasc_depthwise_widen_taps(&depthwise, (const int8_t *)weights + c * taps, count);
        convolve_block(&depthwise, input + c, count, channels + c, output + c);
    }
}
