/* int8 kernels with the semantics of TFLite's reference kernels, to the bit.
 *
 * One kernel set is linked: plain/ (C99, any core), dsp/ (Armv7E-M: M4, M7, M33) or mve/ (Armv8.1-M: M55). All sets
 * share these signatures; each has a packing of weights of its own, done on the host (nasc_sdk/mcu/packing.py), and
 * nasc_kernels_packing says which one it reads. A plan packed for another set is refused by plan.c.
 *
 * Nothing is checked here: plan.c validates shapes, offsets and sizes before a kernel runs. Tensors are NHWC with a
 * batch of one. Input, output and scratch never overlap and are aligned to 16 bytes; weights and channels to 4.
 */
#ifndef NASC_KERNELS_H
#define NASC_KERNELS_H

#include <stdint.h>

/* Packings; the plan's header carries one. */
enum { NASC_PACKING_PLAIN = 0, NASC_PACKING_DSP = 1, NASC_PACKING_MVE = 2 };

extern const uint16_t nasc_kernels_packing;
extern const char nasc_kernels_name[]; /* "plain", "dsp", "mve" */

/* An operator that moves a window: convolution, depthwise convolution, average pool. Padding is what precedes the
 * input at the top and at the left; what follows is implied by the output's size. */
typedef struct {
    uint16_t in_height, in_width, in_channels;
    uint16_t out_height, out_width, out_channels;
    uint8_t kernel_height, kernel_width;
    uint8_t stride_height, stride_width;
    uint8_t pad_top, pad_left;
    int8_t in_zero;  /* steps of the input that stand for 0; also what padding holds */
    int8_t out_zero;
    int8_t low, high; /* clamp of the output */
} nasc_window_t;

/* What turns a sum of products into steps of the output, per output channel; TFLite's MultiplyByQuantizedMultiplier.
 * bias includes - in_zero * sum(weights), so that kernels multiply raw steps and pad with in_zero.
 * |(sum of products + bias) << left| < 2^30 for every input: the host checks it. left or right is 0. */
typedef struct {
    int32_t bias;
    int32_t multiplier; /* 2^31 fixed point, >= 0 */
    int32_t left;       /* 0..30 */
    int32_t right;      /* 0..31 */
} nasc_channel_t;

/* Multiplier and shift of one operand, or of a sum. */
typedef struct {
    int32_t multiplier;
    int32_t left;
    int32_t right;
} nasc_scale_t;

/* ADD: out = clamp(round(((a - a_zero) << 20) * a_scale + ((b - b_zero) << 20) * b_scale) * out_scale) + out_zero). */
typedef struct {
    nasc_scale_t a_scale, b_scale, out_scale;
    int8_t a_zero, b_zero, out_zero, low, high;
} nasc_add_t;

/* RELU, RELU6, QUANTIZE: out = clamp((a - in_zero) * scale + out_zero). */
typedef struct {
    nasc_scale_t scale;
    int8_t in_zero, out_zero, low, high;
} nasc_rescale_t;

/* Bytes of packed weights that this kernel set reads, and of scratch that it writes, for a window; 0 where it needs
 * none. plan.c refuses a plan with other weights or less scratch; nasc_sdk/mcu/packing.py computes the same. The shape may be absurd:
 * compute in 64 bits. */
uint64_t nasc_convolve_weights_bytes(const nasc_window_t *window);
uint64_t nasc_convolve_scratch_bytes(const nasc_window_t *window);
uint64_t nasc_convolve_depthwise_weights_bytes(const nasc_window_t *window);
uint64_t nasc_convolve_depthwise_scratch_bytes(const nasc_window_t *window);

/* Weights packed from (out, height, width, in). scratch: what nasc_sdk/mcu/packing.py says for this operator. */
void nasc_convolve(const nasc_window_t *window, const int8_t *input, const void *weights,
                   const nasc_channel_t *channels, int8_t *output, void *scratch);

/* Weights packed from (1, height, width, channels); depth multiplier 1. */
void nasc_convolve_depthwise(const nasc_window_t *window, const int8_t *input, const void *weights,
                             const nasc_channel_t *channels, int8_t *output, void *scratch);

/* Means of the stored steps inside the input, rounded half away from zero; padding does not count. */
void nasc_average_pool(const nasc_window_t *window, const int8_t *input, int8_t *output);

/* count elements; b holds b_count: count, or 1 for a scalar. */
void nasc_add(const nasc_add_t *add, const int8_t *a, const int8_t *b, int8_t *output, uint32_t count,
              uint32_t b_count);

void nasc_rescale(const nasc_rescale_t *rescale, const int8_t *input, int8_t *output, uint32_t count);

/* Margins of window->pad_top / pad_left, and what out_height and out_width leave at the other sides, filled with
 * in_zero. */
void nasc_pad(const nasc_window_t *window, const int8_t *input, int8_t *output);

#endif
