/* Four channels in two words of two sums each, which SXTAB16 adds to. */
#include "../sum_four.h"

#include "instructions.h"

void nasc_sum_four(const nasc_taps_t *taps, const int8_t *steps, uint32_t sums[4])
{
    const uint32_t bias = NASC_TAP_BIAS * taps->rows * taps->columns * 0x10001u;
    uint32_t even = bias, odd = bias;
    for (uint32_t row = taps->rows; row != 0; row--, steps += taps->row_bytes) {
        const int8_t *step = steps;
        for (uint32_t column = taps->columns; column != 0; column--, step += taps->column_bytes) {
            const uint32_t bytes = nasc_load_word(step);
            even = nasc_add_even(even, bytes);
            odd = nasc_add_odd(odd, bytes);
        }
    }
    sums[0] = even & 0xffff;
    sums[1] = odd & 0xffff;
    sums[2] = even >> 16;
    sums[3] = odd >> 16;
}
