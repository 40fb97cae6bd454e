/* Depthwise convolution in portable C: weights as they come, (height, width, channels). */
#include "../kernels.h"
#include "../patch.h"
#include "../requantize.h"

/* Of one channel, or of it and the next: each turn of the loops costs as much as two products. */
typedef struct {
    int32_t first, second;
} sums_t;

static inline sums_t multiply(const nasc_window_t *window, nasc_patch_t patch, const int8_t *weights, uint32_t next)
{
    const uint32_t channels = window->in_channels, row = window->kernel_width * channels;
    sums_t sums = {0, 0};
    for (uint32_t ky = window->kernel_height; ky != 0; ky--) {
        for (const int8_t *steps = patch.steps, *end = steps + row; steps != end; steps += channels) {
            sums.first += steps[0] * weights[0];
            sums.second += steps[next] * weights[next];
            weights += channels;
        }
        patch.steps += patch.pitch;
    }
    return sums;
}

static void convolve_pixel(const nasc_window_t *window, nasc_patch_t patch, const int8_t *weights,
                           const nasc_channel_t *channels, int8_t *output)
{
    const uint32_t count = window->in_channels, even = count & ~UINT32_C(1);
    for (uint32_t c = 0; c < even; c += 2, patch.steps += 2) {
        const sums_t sums = multiply(window, patch, weights + c, 1);
        output[c] = nasc_requantize(sums.first, &channels[c], window);
        output[c + 1] = nasc_requantize(sums.second, &channels[c + 1], window);
    }
    if (even != count) {
        output[even] = nasc_requantize(multiply(window, patch, weights + even, 0).first, &channels[even], window);
    }
}

/* scratch: one patch, where windows reach over a border. */
void nasc_convolve_depthwise(const nasc_window_t *window, const int8_t *input, const void *weights,
                             const nasc_channel_t *channels, int8_t *output, void *scratch)
{
    for (uint32_t y = 0; y < window->out_height; y++) {
        for (uint32_t x = 0; x < window->out_width; x++, output += window->out_channels) {
            convolve_pixel(window, nasc_patch(window, input, y, x, scratch), weights, channels, output);
        }
    }
}
