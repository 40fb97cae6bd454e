/* The inner loop of the convolution. */
#ifndef NASC_DSP_MULTIPLY_H
#define NASC_DSP_MULTIPLY_H

#include <stdint.h>

/* Sums of products; the first digit is the pixel, the second the channel. */
typedef struct {
    int32_t s00, s01, s10, s11;
} nasc_sums_t;

/* Two pixels by two channels. lanes: as widen.h has them, the pixels in turn. weights: words of four steps, the
 * channels in turn. words: of four steps, at least one. */
void nasc_multiply_2x2(const uint32_t *lanes, const int8_t *weights, uint32_t words, nasc_sums_t *sums);

#endif
