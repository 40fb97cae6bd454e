/* Four channels in the lanes of a vector. */
#include "../sum_four.h"

#include <arm_mve.h>

void nasc_sum_four(const nasc_taps_t *taps, const int8_t *steps, uint32_t sums[4])
{
    int32x4_t total = vdupq_n_s32((int32_t)(NASC_TAP_BIAS * taps->rows * taps->columns));
    for (uint32_t row = taps->rows; row != 0; row--, steps += taps->row_bytes) {
        const int8_t *step = steps;
        for (uint32_t column = taps->columns; column != 0; column--, step += taps->column_bytes) {
            total = vaddq_s32(total, vldrbq_s32(step));
        }
    }
    vstrwq_u32(sums, vreinterpretq_u32_s32(total));
}
