/* What the parts of the depthwise convolution share. */
#ifndef NASC_DSP_DEPTHWISE_H
#define NASC_DSP_DEPTHWISE_H

#include "../kernels.h"
#include "requantize.h"

enum { NASC_DEPTHWISE_BLOCK = 4 }; /* channels worked on together */

typedef struct {
    const nasc_window_t *window;
    nasc_limits_t limits;
    uint32_t words;     /* that a kernel row covers: two columns a word */
    uint32_t row_words; /* of one row of the padded input */
    int32_t *sums;      /* [out_width, rounded up to even] */
    uint32_t *taps;     /* [4 channels][kernel_height][2][words]: for windows at even and at odd columns */
    uint32_t *rows;     /* [kernel_height][row_words][4 channels] */
} nasc_depthwise_t;

/* Where a row of the padded input lies in the ring. */
static inline uint32_t *nasc_depthwise_row(const nasc_depthwise_t *depthwise, uint32_t row)
{
    const uint32_t slot = row % depthwise->window->kernel_height;
    return depthwise->rows + slot * depthwise->row_words * NASC_DEPTHWISE_BLOCK;
}

/* count: channels of the block, 1 to 4. weights: (count, height, width). */
void nasc_depthwise_widen_taps(const nasc_depthwise_t *depthwise, const int8_t *weights, uint32_t count);

/* row counts from the first of the padded input; input points to the block's first channel. */
void nasc_depthwise_widen_row(const nasc_depthwise_t *depthwise, const int8_t *input, uint32_t count, uint32_t row);

/* Sums of one output row of one channel of the block; first is its first row of the padded input. */
void nasc_depthwise_sum_row(const nasc_depthwise_t *depthwise, uint32_t channel, uint32_t first);

/* The same for kernels of 3x3 at strides of 1 and 2; rows are those under the window. */
void nasc_depthwise_sum_row_3x3(const nasc_depthwise_t *depthwise, uint32_t channel, uint32_t *const rows[3]);

#endif
