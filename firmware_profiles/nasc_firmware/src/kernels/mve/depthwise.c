/* Depthwise convolution with MVE: eight channels at a time, weights as they come, (height, width, channels). */
#include <arm_mve.h>
#include <stdbool.h>

#include "../kernels.h"
#include "../patch.h"
#include "requantize.h"

enum { LANES = 8 };

/* VMULLB multiplies the even lanes of eight, VMULLT the odd ones. */
typedef struct {
    int32x4_t even, odd;
} sums_t;

static inline int16x8_t load(const int8_t *bytes, mve_pred16_t lanes, bool is_whole)
{
    return is_whole ? vldrbq_s16(bytes) : vldrbq_z_s16(bytes, lanes);
}

/* is_whole: all eight channels are there; a constant wherever this is inlined. */
static inline sums_t multiply(const nasc_window_t *window, nasc_patch_t patch, const int8_t *weights,
                              mve_pred16_t lanes, bool is_whole)
{
    const uint32_t pitch = window->in_channels, width = window->kernel_width;
    sums_t sums = {vdupq_n_s32(0), vdupq_n_s32(0)};
    for (uint32_t ky = window->kernel_height; ky != 0; ky--, patch.steps += patch.pitch) {
        const int8_t *steps = patch.steps;
        for (uint32_t kx = width; kx != 0; kx--, steps += pitch, weights += pitch) {
            const int16x8_t x = load(steps, lanes, is_whole), w = load(weights, lanes, is_whole);
            sums.even = vaddq_s32(sums.even, vmullbq_int_s16(x, w));
            sums.odd = vaddq_s32(sums.odd, vmulltq_int_s16(x, w));
        }
    }
    return sums;
}

/* Every second channel. lanes: which of four there are. */
static nasc_rounding_t every_second(const nasc_channel_t *channels, mve_pred16_t lanes)
{
    const int32_t *fields = (const int32_t *)channels;
    const uint32x4_t offsets = vmulq_n_u32(vidupq_n_u32(0, 1), 2 * sizeof *channels);
    const nasc_rounding_t rounding = {
        vldrwq_gather_offset_z_s32(fields, offsets, lanes),
        vldrwq_gather_offset_z_s32(fields + 1, offsets, lanes),
        vldrwq_gather_offset_z_s32(fields + 2, offsets, lanes),
        vnegq_s32(vldrwq_gather_offset_z_s32(fields + 3, offsets, lanes)),
    };
    return rounding;
}

static void store(sums_t sums, const nasc_channel_t *channels, uint32_t count, const nasc_limits_t *limits,
                  int8_t *output)
{
    const nasc_rounding_t even = every_second(channels, vctp32q((count + 1) / 2));
    const nasc_rounding_t odd = every_second(channels + 1, vctp32q(count / 2));
    const int16x8_t steps = vreinterpretq_s16_s32(nasc_requantize_four(sums.even, &even, limits));
    vstrbq_p_s16(output, vmovntq_s32(steps, nasc_requantize_four(sums.odd, &odd, limits)), vctp16q(count));
}

static void convolve_pixel(const nasc_window_t *window, nasc_patch_t patch, const int8_t *weights,
                           const nasc_channel_t *channels, int8_t *output)
{
    const nasc_limits_t limits = nasc_limits(window);
    const uint32_t rest = window->in_channels % LANES, whole = window->in_channels - rest;
    for (uint32_t c = 0; c < whole; c += LANES, patch.steps += LANES) {
        store(multiply(window, patch, weights + c, 0, true), channels + c, LANES, &limits, output + c);
    }
    if (rest != 0) {
        const sums_t sums = multiply(window, patch, weights + whole, vctp16q(rest), false);
        store(sums, channels + whole, rest, &limits, output + whole);
    }
}

/* scratch: one patch, where windows reach over a border. */
void nasc_convolve_depthwise(const nasc_window_t *window, const int8_t *input, const void *weights,
                             const nasc_channel_t *channels, int8_t *output, void *scratch)
{
    for (uint32_t y = 0; y < window->out_height; y++) {
        for (uint32_t x = 0; x < window->out_width; x++, output += window->in_channels) {
            convolve_pixel(window, nasc_patch(window, input, y, x, scratch), weights, channels, output);
        }
    }
}
