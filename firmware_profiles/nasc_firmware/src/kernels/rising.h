/* nasc_multiply for steps that follow each other, cheaper than one by one. */
#ifndef NASC_RISING_H
#define NASC_RISING_H

#include "kernels.h"

/* The product grows by as much each time; its upper word is what has yet to be shifted to the right. */
typedef struct {
    uint64_t product, growth;
} nasc_rising_t;

/* From a step on, less the zero point, all on one side of 0 and shifted to the left by so much; added is what the
 * upper word gets besides. Whether one is to be taken for ties (requantize.h) is the step's sign: where the product's
 * differs it is rounded to 0, and comes to 0 either way. scale->right is not read. */
static inline nasc_rising_t nasc_rising(int32_t first, int32_t left, const nasc_scale_t *scale, int32_t right,
                                        int32_t added)
{
    const int32_t half = right == 0 ? 0 : (INT32_C(1) << (right - 1)) - (first < 0 ? 1 : 0);
    const uint64_t growth = (uint64_t)scale->multiplier << (left + 1);
    const nasc_rising_t rising = {(uint64_t)(int64_t)first * growth + ((uint64_t)(uint32_t)(half + added) << 32) +
                                      (UINT64_C(1) << 31),
                                  growth};
    return rising;
}

static inline int32_t nasc_rise(nasc_rising_t *rising)
{
    const int32_t high = (int32_t)(rising->product >> 32);
    rising->product += rising->growth;
    return high;
}

#endif
