/* A row of sums of one channel to outputs. */
#ifndef NASC_DSP_REQUANTIZE_ROW_H
#define NASC_DSP_REQUANTIZE_ROW_H

#include "../kernels.h"
#include "requantize.h"

/* count sums; outputs are pitch bytes apart. */
void nasc_requantize_row(const int32_t *sums, uint32_t count, const nasc_channel_t *channel,
                         const nasc_limits_t *limits, int8_t *output, uint32_t pitch);

#endif
