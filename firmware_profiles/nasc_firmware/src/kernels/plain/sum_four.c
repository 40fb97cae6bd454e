/* Four channels in two words of two sums each. */
#include "../sum_four.h"

#include "../copy.h"

void nasc_sum_four(const nasc_taps_t *taps, const int8_t *steps, uint32_t sums[4])
{
    const uint32_t lanes = UINT32_C(0x00ff00ff), bias = UINT32_C(0x80808080);
    uint32_t even = 0, odd = 0;
    for (uint32_t row = taps->rows; row != 0; row--, steps += taps->row_bytes) {
        const int8_t *step = steps;
        for (uint32_t column = taps->columns; column != 0; column--, step += taps->column_bytes) {
            const uint32_t bytes = nasc_get_word(step) ^ bias;
            even += bytes & lanes;
            odd += bytes >> 8 & lanes;
        }
    }
    sums[0] = even & 0xffff;
    sums[1] = odd & 0xffff;
    sums[2] = even >> 16;
    sums[3] = odd >> 16;
}
