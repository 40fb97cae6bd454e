/* The inner loop of the average pool. */
#ifndef NASC_SUM_FOUR_H
#define NASC_SUM_FOUR_H

#include <stdint.h>

/* What of a window lies inside the input: so many rows and columns, bytes apart. */
typedef struct {
    uint32_t rows, columns;
    uint32_t row_bytes, column_bytes;
} nasc_taps_t;

/* Sums of so many taps fit 16 bits, and their means are exact by multiplication; pool.c tells why. */
enum { NASC_MOST_TAPS = 180, NASC_TAP_BIAS = 128 };

/* Sums over taps, at most NASC_MOST_TAPS, of four channels that follow each other, each tap raised by NASC_TAP_BIAS.
 * Words are read wherever steps lie, if the core can (NASC_ANY_ADDRESS), or else only at multiples of 4. */
void nasc_sum_four(const nasc_taps_t *taps, const int8_t *steps, uint32_t sums[4]);

#endif
