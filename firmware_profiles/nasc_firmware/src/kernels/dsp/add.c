/* Element-wise sum of two tensors with scales of their own, four elements at a time. */
#include "../add.h"

#include <stdbool.h>

#include "instructions.h"

/* An operand's step is shifted by one bit more than TFLite's: SMMULR divides by 2^32, not 2^31. */
enum { SHIFT = NASC_HEADROOM + 1 };

typedef struct {
    int32_t zero; /* shifted */
    int32_t multiplier, half, right;
} operand_t;

typedef struct {
    operand_t a, b;
    int32_t multiplier;
    int32_t half; /* and the zero point, less the lower limit, before the last shift */
    int32_t right;
    uint32_t over; /* in each byte: 255 less what outputs span */
    uint32_t back; /* in each byte: from the clamped to the output */
} sum_t;

static operand_t operand(int32_t zero, const nasc_scale_t *scale)
{
    const operand_t own = {zero * (INT32_C(1) << SHIFT), scale->multiplier,
                           (int32_t)((UINT32_C(1) << scale->right) >> 1), scale->right};
    return own;
}

/* Sums stay below 2^29. With 15 bits to the right outputs fit int16 before they are clamped, and with 22 the zero point
 * fits beside the sum. */
static bool fits(const nasc_add_t *add)
{
    return add->a_scale.left == 0 && add->b_scale.left == 0 && add->out_scale.left == 0 && add->out_scale.right >= 15 &&
           add->out_scale.right <= 22 && add->low <= add->high;
}

static sum_t prepare(const nasc_add_t *add)
{
    const int32_t right = add->out_scale.right;
    const uint32_t over = (uint32_t)(255 - (add->high - add->low)), each = UINT32_C(0x01010101);
    const sum_t sum = {operand(add->a_zero, &add->a_scale),
                       operand(add->b_zero, &add->b_scale),
                       add->out_scale.multiplier,
                       (INT32_C(1) << (right - 1)) + (add->out_zero - add->low) * (INT32_C(1) << right),
                       right,
                       over * each,
                       (uint8_t)((uint32_t)add->low - over) * each};
    return sum;
}

static inline int32_t shifted(uint32_t steps, uint32_t byte, const operand_t *operand)
{
    return (int8_t)(steps >> (8 * byte)) * (INT32_C(1) << SHIFT) - operand->zero;
}

/* The sign that rounding asks for is the operand's: where both differ, all is rounded to 0 either way. */
static inline int32_t scale_rounding(uint32_t steps, uint32_t byte, const operand_t *operand)
{
    const int32_t value = shifted(steps, byte, operand);
    return (nasc_multiply_high_add(value, operand->multiplier, operand->half) + (value >> 31)) >> operand->right;
}

static inline int32_t add_unrounded(uint32_t steps, uint32_t byte, const operand_t *operand, int32_t other)
{
    return nasc_multiply_high_add(shifted(steps, byte, operand), operand->multiplier, other);
}

static inline int32_t finish(int32_t total, const sum_t *sum)
{
    const int32_t twice = total * 2;
    return (nasc_multiply_high_add(twice, sum->multiplier, sum->half) + (twice >> 31)) >> sum->right;
}

static inline uint32_t add_four(uint32_t a, uint32_t b, const sum_t *sum)
{
    int32_t s0, s1, s2, s3;
    if (sum->b.right != 0) {
        s0 = scale_rounding(b, 0, &sum->b);
        s1 = scale_rounding(b, 1, &sum->b);
        s2 = scale_rounding(b, 2, &sum->b);
        s3 = scale_rounding(b, 3, &sum->b);
    } else {
        s0 = add_unrounded(b, 0, &sum->b, 0);
        s1 = add_unrounded(b, 1, &sum->b, 0);
        s2 = add_unrounded(b, 2, &sum->b, 0);
        s3 = add_unrounded(b, 3, &sum->b, 0);
    }
    if (sum->a.right != 0) {
        s0 += scale_rounding(a, 0, &sum->a);
        s1 += scale_rounding(a, 1, &sum->a);
        s2 += scale_rounding(a, 2, &sum->a);
        s3 += scale_rounding(a, 3, &sum->a);
    } else {
        s0 = add_unrounded(a, 0, &sum->a, s0);
        s1 = add_unrounded(a, 1, &sum->a, s1);
        s2 = add_unrounded(a, 2, &sum->a, s2);
        s3 = add_unrounded(a, 3, &sum->a, s3);
    }
    s0 = finish(s0, sum);
    s1 = finish(s1, sum);
    s2 = finish(s2, sum);
    s3 = finish(s3, sum);
    /* From the lower limit upwards in unsigned bytes, where each end is one saturation. */
    const uint32_t even = nasc_saturate_bytes(nasc_pack_bottom((uint32_t)s0, (uint32_t)s2));
    const uint32_t odd = nasc_saturate_bytes(nasc_pack_bottom((uint32_t)s1, (uint32_t)s3));
    return nasc_add_bytes(nasc_add_bytes_saturated(even | odd << 8, sum->over), sum->back);
}

/* count is a multiple of 4; b_step is 4, or 0 where b is one value four times over. Not inline: there are too few
 * registers as it is. */
__attribute__((noinline)) static void add_words(const sum_t *sum, const int8_t *a, const int8_t *b, int8_t *output,
                                                uint32_t count, uint32_t b_step)
{
    for (const int8_t *const end = a + count; a != end; a += 4, b += b_step, output += 4) {
        nasc_store_word(output, add_four(nasc_load_word(a), nasc_load_word(b), sum));
    }
}

void nasc_add(const nasc_add_t *add, const int8_t *a, const int8_t *b, int8_t *output, uint32_t count,
              uint32_t b_count)
{
    const bool scalar = b_count == 1;
    uint32_t done = 0;
    if (fits(add)) {
        const sum_t sum = prepare(add);
        const int8_t repeated[4] = {*b, *b, *b, *b};
        done = count & ~UINT32_C(3);
        add_words(&sum, a, scalar ? repeated : b, output, done, scalar ? 0 : 4);
    }
    nasc_add_directly(add, a + done, scalar ? b : b + done, output + done, count - done, scalar ? 0 : 1);
}
