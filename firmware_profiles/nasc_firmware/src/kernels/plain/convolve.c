/* Convolution in portable C: two pixels by two channels at a time, so that each loaded step is used twice. */
#include "../kernels.h"
#include "../patch.h"
#include "../requantize.h"

const uint16_t nasc_kernels_packing = NASC_PACKING_PLAIN;
const char nasc_kernels_name[] = "plain";

/* Sums of products, [pixel][channel]. */
typedef struct {
    int32_t of[2][2];
} sums_t;

static sums_t multiply_2x2(const int8_t *first, const int8_t *second, const int8_t *weights, uint32_t count)
{
    const int8_t *other = weights + count;
    int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
#define STEP(i)                                                                                                        \
    do {                                                                                                               \
        const int32_t w0 = weights[i], w1 = other[i], x0 = first[i], x1 = second[i];                                   \
        s00 += x0 * w0;                                                                                                \
        s01 += x0 * w1;                                                                                                \
        s10 += x1 * w0;                                                                                                \
        s11 += x1 * w1;                                                                                                \
    } while (0)
    for (const int8_t *end = weights + (count & ~UINT32_C(7)); weights != end;) {
        STEP(0);
        STEP(1);
        STEP(2);
        STEP(3);
        STEP(4);
        STEP(5);
        STEP(6);
        STEP(7);
        weights += 8;
        other += 8;
        first += 8;
        second += 8;
    }
    for (uint32_t i = 0; i < (count & 7); i++) {
        STEP(i);
    }
#undef STEP
    const sums_t sums = {{{s00, s01}, {s10, s11}}};
    return sums;
}

static int32_t multiply(const int8_t *steps, const int8_t *weights, uint32_t count)
{
    const int8_t *end = weights + (count & ~UINT32_C(3));
    int32_t sum = 0;
    for (; weights != end; weights += 4, steps += 4) {
        sum += steps[0] * weights[0];
        sum += steps[1] * weights[1];
        sum += steps[2] * weights[2];
        sum += steps[3] * weights[3];
    }
    for (uint32_t i = 0; i < (count & 3); i++) {
        sum += steps[i] * weights[i];
    }
    return sum;
}

/* Channels from `from` on, one by one. */
static void convolve_pixel(const nasc_window_t *window, const int8_t *steps, const int8_t *weights,
                           const nasc_channel_t *channels, uint32_t from, int8_t *output)
{
    const uint32_t count = nasc_patch_steps(window);
    for (uint32_t o = from; o < window->out_channels; o++) {
        output[o] = nasc_requantize(multiply(steps, weights + o * count, count), &channels[o], window);
    }
}

static void convolve_two_pixels(const nasc_window_t *window, const int8_t *first, const int8_t *second,
                                const int8_t *weights, const nasc_channel_t *channels, int8_t *output)
{
    const uint32_t count = nasc_patch_steps(window);
    const uint32_t even = window->out_channels & ~UINT32_C(1);
    int8_t *next = output + window->out_channels;
    for (uint32_t o = 0; o < even; o += 2) {
        const sums_t sums = multiply_2x2(first, second, weights + o * count, count);
        for (uint32_t c = 0; c < 2; c++) {
            output[o + c] = nasc_requantize(sums.of[0][c], &channels[o + c], window);
            next[o + c] = nasc_requantize(sums.of[1][c], &channels[o + c], window);
        }
    }
    convolve_pixel(window, first, weights, channels, even, output);
    convolve_pixel(window, second, weights, channels, even, next);
}

/* scratch: two patches, where they are not contiguous in the input. */
void nasc_convolve(const nasc_window_t *window, const int8_t *input, const void *weights,
                   const nasc_channel_t *channels, int8_t *output, void *scratch)
{
    int8_t *const patches[2] = {scratch, (int8_t *)scratch + nasc_patch_steps(window)};
    const int8_t *first = 0;
    uint32_t waiting = 0; /* pixels gathered, not yet multiplied: pairs go on across the ends of rows */
    for (uint32_t y = 0; y < window->out_height; y++) {
        for (uint32_t x = 0; x < window->out_width; x++) {
            const int8_t *steps = nasc_patch_contiguous(window, input, y, x, patches[waiting]);
            if (waiting == 0) {
                first = steps;
                waiting = 1;
                continue;
            }
            convolve_two_pixels(window, first, steps, weights, channels, output);
            output += 2 * window->out_channels;
            waiting = 0;
        }
    }
    if (waiting != 0) {
        convolve_pixel(window, first, weights, channels, 0, output);
    }
}
