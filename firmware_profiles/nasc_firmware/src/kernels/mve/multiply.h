/* The inner loop of the convolution. */
#ifndef NASC_MVE_MULTIPLY_H
#define NASC_MVE_MULTIPLY_H

#include <stdint.h>

enum { NASC_LANES = 16, NASC_BLOCK = 4 };

/* Sums of products, [pixel][channel of the block]. */
typedef struct {
    int32_t of[2][NASC_BLOCK];
} nasc_sums_t;

/* Two pixels by four channels. weights: for every sixteen steps those of channel 0, then of 1, 2 and 3; then the rest
 * of each likewise. */
void nasc_multiply_2x4(const int8_t *first, const int8_t *second, const int8_t *weights, uint32_t count,
                       nasc_sums_t *sums);

#endif
