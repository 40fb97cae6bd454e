/* What the sets' additions share. */
#ifndef NASC_ADD_H
#define NASC_ADD_H

#include "kernels.h"
#include "requantize.h"

/* Bits that both operands get before they are scaled to a common step. */
enum { NASC_HEADROOM = 20 };

static inline int32_t nasc_add_operand(int32_t step, int32_t zero, const nasc_scale_t *scale)
{
    return nasc_scale((step - zero) * (INT32_C(1) << NASC_HEADROOM), scale);
}

/* Element by element; b_step is 0 for a scalar, or else 1. */
static inline void nasc_add_directly(const nasc_add_t *add, const int8_t *a, const int8_t *b, int8_t *output,
                                     uint32_t count, uint32_t b_step)
{
    const nasc_add_t own = *add; /* or all of it would be loaded again after each store of a byte */
    for (uint32_t i = 0; i < count; i++, b += b_step) {
        const int32_t sum =
            nasc_add_operand(a[i], own.a_zero, &own.a_scale) + nasc_add_operand(*b, own.b_zero, &own.b_scale);
        output[i] = (int8_t)nasc_clamp(nasc_scale(sum, &own.out_scale) + own.out_zero, own.low, own.high);
    }
}

/* The same sum with its operands' names exchanged. */
static inline nasc_add_t nasc_add_exchanged(const nasc_add_t *add)
{
    nasc_add_t other = *add;
    other.a_scale = add->b_scale;
    other.b_scale = add->a_scale;
    other.a_zero = add->b_zero;
    other.b_zero = add->a_zero;
    return other;
}

#endif
