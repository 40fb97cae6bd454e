/* Convolution with SMLAD: two pixels, widened once, by two channels at a time. */
#include <stdbool.h>

#include "../kernels.h"
#include "instructions.h"
#include "multiply.h"
#include "requantize.h"
#include "widen.h"

const uint16_t nasc_kernels_packing = NASC_PACKING_DSP;
const char nasc_kernels_name[] = "dsp";

static void convolve_two_pixels(const nasc_window_t *window, const uint32_t *lanes, const int8_t *weights,
                                const nasc_channel_t *channels, int8_t *output)
{
    const nasc_limits_t limits = nasc_limits(window);
    const uint32_t words = nasc_padded_steps(window) / 4;
    const uint32_t count = window->out_channels;
    int8_t *next = output + count;
    for (uint32_t o = 0; o < count; o += 2, weights += 8 * words) {
        nasc_sums_t sums;
        nasc_multiply_2x2(lanes, weights, words, &sums);
        const nasc_rounding_t rounding = nasc_rounding(&channels[o]);
        const uint32_t steps = nasc_requantize_two(sums.s00, sums.s10, &rounding, &limits);
        output[o] = (int8_t)steps;
        next[o] = (int8_t)(steps >> 16);
        if (o + 1 < count) {
            const nasc_rounding_t other = nasc_rounding(&channels[o + 1]);
            const uint32_t others = nasc_requantize_two(sums.s01, sums.s11, &other, &limits);
            output[o + 1] = (int8_t)others;
            next[o + 1] = (int8_t)(others >> 16);
        }
    }
}

/* The pixel without a partner: a dense layer's only one, or the last of an odd number. */
static void convolve_pixel(const nasc_window_t *window, const uint32_t *lanes, const int8_t *weights,
                           const nasc_channel_t *channels, int8_t *output)
{
    const nasc_limits_t limits = nasc_limits(window);
    const uint32_t words = nasc_padded_steps(window) / 4;
    for (uint32_t o = 0; o < window->out_channels; o += 2) {
        const uint32_t *steps = lanes;
        int32_t first = 0, second = 0;
        for (uint32_t i = 0; i < words; i++, steps += 2, weights += 8) {
            const uint32_t w0 = nasc_load_word(weights), w1 = nasc_load_word(weights + 4);
            first = nasc_multiply_lanes(steps[0], nasc_widen_even(w0), first);
            first = nasc_multiply_lanes(steps[1], nasc_widen_odd(w0), first);
            second = nasc_multiply_lanes(steps[0], nasc_widen_even(w1), second);
            second = nasc_multiply_lanes(steps[1], nasc_widen_odd(w1), second);
        }
        const nasc_rounding_t rounding = nasc_rounding(&channels[o]);
        output[o] = (int8_t)nasc_requantize_two(first, first, &rounding, &limits);
        if (o + 1u < window->out_channels) {
            const nasc_rounding_t other = nasc_rounding(&channels[o + 1]);
            output[o + 1] = (int8_t)nasc_requantize_two(second, second, &other, &limits);
        }
    }
}

/* scratch: lanes of two pixels (of one, where the output is one pixel), then bytes of one patch where in_channels is
 * not a multiple of 4. */
void nasc_convolve(const nasc_window_t *window, const int8_t *input, const void *weights,
                   const nasc_channel_t *channels, int8_t *output, void *scratch)
{
    const uint32_t width = window->out_width;
    const uint32_t pixels = window->out_height * width;
    const uint32_t step_bytes = 2 * nasc_padded_steps(window);
    uint32_t *const lanes = scratch;
    int8_t *const bytes = (int8_t *)scratch + (pixels == 1 ? 1 : 2) * step_bytes;
    uint32_t y = 0, x = 0;
    /* Pairs go on across the ends of rows. */
    for (uint32_t pixel = 0; pixel < pixels; pixel += 2, output += 2 * window->out_channels) {
        const bool alone = pixel + 1 == pixels;
        for (uint32_t second = 0; second < (alone ? 1u : 2u); second++) {
            nasc_widen_patch(window, input, y, x, lanes + 2 * second, alone ? 2 : 4, bytes);
            x++;
            if (x == width) {
                x = 0;
                y++;
            }
        }
        if (alone) {
            convolve_pixel(window, lanes, weights, channels, output);
        } else {
            convolve_two_pixels(window, lanes, weights, channels, output);
        }
    }
}
