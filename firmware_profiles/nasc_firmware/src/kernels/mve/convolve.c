/* Convolution with MVE: sixteen steps of two pixels by four channels at a time. */
#include <arm_mve.h>

#include "../kernels.h"
#include "../patch.h"
#include "../requantize.h"
#include "multiply.h"
#include "requantize.h"

const uint16_t nasc_kernels_packing = NASC_PACKING_MVE;
const char nasc_kernels_name[] = "mve";

/* What one call works on; pixels of a pair. */
typedef struct {
    const int8_t *steps[2];
    int8_t *outputs[2];
    uint32_t pixels; /* 1 or 2 */
} pair_t;

static int32_t multiply(const int8_t *steps, const int8_t *weights, uint32_t count)
{
    int32_t sum = 0;
    for (int32_t left = (int32_t)count; left > 0; left -= NASC_LANES, steps += NASC_LANES, weights += NASC_LANES) {
        const mve_pred16_t lanes = vctp8q((uint32_t)left);
        sum = vmladavaq_s8(sum, vldrbq_z_s8(steps, lanes), vldrbq_z_s8(weights, lanes));
    }
    return sum;
}

/* Up to three channels, one by one. */
static void convolve_rest(const nasc_window_t *window, const pair_t *pair, const int8_t *weights,
                          const nasc_channel_t *channels, uint32_t from)
{
    const uint32_t count = nasc_patch_steps(window);
    for (uint32_t o = from; o < window->out_channels; o++, weights += count) {
        for (uint32_t pixel = 0; pixel < pair->pixels; pixel++) {
            const int32_t sum = multiply(pair->steps[pixel], weights, count);
            pair->outputs[pixel][o] = nasc_requantize(sum, &channels[o], window);
        }
    }
}

/* A single pixel is worked on twice. */
static void convolve_pair(const nasc_window_t *window, const pair_t *pair, const int8_t *weights,
                          const nasc_channel_t *channels)
{
    const nasc_limits_t limits = nasc_limits(window);
    const uint32_t count = nasc_patch_steps(window), whole = window->out_channels - window->out_channels % NASC_BLOCK;
    const int8_t *const first = pair->steps[0], *const second = pair->steps[pair->pixels - 1];
    int8_t *output = pair->outputs[0], *other = pair->outputs[pair->pixels - 1];
    for (uint32_t o = 0; o < whole; o += NASC_BLOCK, weights += NASC_BLOCK * count) {
        nasc_sums_t sums;
        nasc_multiply_2x4(first, second, weights, count, &sums);
        const nasc_rounding_t rounding = nasc_rounding(&channels[o]);
        vstrbq_s32(output + o, nasc_requantize_four(vldrwq_s32(sums.of[0]), &rounding, &limits));
        vstrbq_s32(other + o, nasc_requantize_four(vldrwq_s32(sums.of[1]), &rounding, &limits));
    }
    convolve_rest(window, pair, weights, channels, whole);
}

/* scratch: two patches, where they are not contiguous in the input. */
void nasc_convolve(const nasc_window_t *window, const int8_t *input, const void *weights,
                   const nasc_channel_t *channels, int8_t *output, void *scratch)
{
    int8_t *const patches[2] = {scratch, (int8_t *)scratch + nasc_patch_steps(window)};
    pair_t pair = {{0, 0}, {0, 0}, 0};
    for (uint32_t y = 0; y < window->out_height; y++) {
        for (uint32_t x = 0; x < window->out_width; x++, output += window->out_channels) {
            pair.steps[pair.pixels] = nasc_patch_contiguous(window, input, y, x, patches[pair.pixels]);
            pair.outputs[pair.pixels] = output;
            pair.pixels++;
            if (pair.pixels == 2) { /* pairs go on across the ends of rows */
                convolve_pair(window, &pair, weights, channels);
                pair.pixels = 0;
            }
        }
    }
    if (pair.pixels != 0) {
        convolve_pair(window, &pair, weights, channels);
    }
}
