/* Element-wise sum of two tensors with scales of their own, in C99. */
#include "../add.h"

#include <stdbool.h>

#include "../map.h"
#include "../rising.h"

/* From so many elements on a table of 256 costs less than it saves. */
enum { WORTH_A_TABLE = 512 };

/* The larger scale of the two gets the multiplier 1/2: its operand is scaled by a shift. The other's is its step times
 * a factor, near enough that what is missing fits a byte, and as that is one of 256 bytes it is looked up. All of it is
 * twice as large as the sum, which leaves the upper word of the product rounded as it should be. */
enum { EXACT_SHIFT = NASC_HEADROOM - 1 };

static bool is_half(const nasc_scale_t *scale)
{
    return scale->multiplier == INT32_C(1) << 30 && scale->left == 0 && scale->right == 0;
}

/* Whether a is scaled by 1/2; beyond 22 bits the zero point does not fit beside the sum before the last shift. */
static bool fits(const nasc_add_t *add)
{
    return is_half(&add->a_scale) && add->b_scale.left == 0 && add->out_scale.left == 0 && add->out_scale.right >= 1 &&
           add->out_scale.right <= 22;
}

typedef struct {
    int32_t factor, constant;
    const int8_t *correction; /* of step 0 of b */
} second_t;

/* Twice the scaled b, less twice what a's zero point is scaled to, is correction[b] + ((b * factor + constant) >> 1).
 * The factor is off by at most a half and so is a product by 128, a half of it by 64; two roundings of b, doubled, and
 * the shift add less than 4. */
static void correct_rising(const nasc_scale_t *scale, int32_t factor, int32_t first, int32_t count,
                           int8_t *correction)
{
    nasc_rising_t rising = nasc_rising(first, NASC_HEADROOM, scale, scale->right, 0);
    int32_t near = first * factor;
#pragma GCC unroll 4
    for (; count > 0; count--, near += factor) {
        *correction++ = (int8_t)((nasc_rise(&rising) >> scale->right) * 2 - (near >> 1));
    }
}

static second_t correct(const nasc_add_t *add, int8_t correction[NASC_STEPS])
{
    const int32_t cut = NASC_HEADROOM + 1 - EXACT_SHIFT + 7 + add->b_scale.right;
    const int32_t factor = (int32_t)((add->b_scale.multiplier + (INT64_C(1) << (cut - 1))) >> cut);
    const int32_t lowest = NASC_LOWEST - add->b_zero, below = -lowest;
    correct_rising(&add->b_scale, factor, lowest, below, correction);
    correct_rising(&add->b_scale, factor, 0, NASC_STEPS - below, correction + below);
    const int32_t constant = -add->b_zero * factor - add->a_zero * (INT32_C(1) << (EXACT_SHIFT + 2));
    const second_t second = {factor, constant, correction - NASC_LOWEST};
    return second;
}

/* Not inline: a table in the caller's own frame has no register that its address stays in. */
__attribute__((noinline)) static void add_all(const nasc_add_t *add, const second_t *given, const int8_t *a,
                                              const int8_t *b, int8_t *output, uint32_t count)
{
    const second_t second = *given;
    const int32_t multiplier = add->out_scale.multiplier, right = add->out_scale.right;
    const int32_t low = add->low, span = add->high - low;
    const int32_t half = (INT32_C(1) << (right - 1)) + (add->out_zero - low) * (INT32_C(1) << right);
    const int64_t rounding = half * (INT64_C(1) << 32) + (INT64_C(1) << 31);
#pragma GCC unroll 2
    for (const int8_t *const end = a + count; a != end; a++, b++) {
        const int32_t twice = second.correction[*b] + ((*b * second.factor + second.constant) >> 1) +
                              *a * (INT32_C(1) << (EXACT_SHIFT + 1));
        const int32_t rounded = (int32_t)(((int64_t)twice * multiplier + rounding) >> 32);
        /* One less for negative sums; one that is rounded to 0 comes to 0 with that or without. */
        const int32_t above_low = (rounded + (twice >> 31)) >> right;
        *output++ = (int8_t)(nasc_clamp(nasc_clamp(above_low, 0, UINT8_MAX), INT32_MIN, span) + low);
    }
}

static void add_corrected(const nasc_add_t *add, const int8_t *a, const int8_t *b, int8_t *output, uint32_t count,
                          int8_t table[NASC_STEPS])
{
    const second_t second = correct(add, table);
    add_all(add, &second, a, b, output, count);
}

/* One operand is one value: 256 sums are all there are. */
static void add_scalar(const nasc_add_t *add, const int8_t *a, const int8_t *b, int8_t *output, uint32_t count,
                       int8_t table[NASC_STEPS])
{
    for (int32_t place = 0; place < NASC_STEPS; place++) {
        table[place] = (int8_t)(place + NASC_LOWEST);
    }
    nasc_add_directly(add, table, b, table, NASC_STEPS, 0);
    nasc_map(table, a, output, count);
}

void nasc_add(const nasc_add_t *add, const int8_t *a, const int8_t *b, int8_t *output, uint32_t count,
              uint32_t b_count)
{
    const nasc_add_t exchanged = nasc_add_exchanged(add);
    const bool scalar = b_count == 1;
    int8_t table[NASC_STEPS]; /* one for both ways, or the stack would hold two */
    if (count < WORTH_A_TABLE) {
        nasc_add_directly(add, a, b, output, count, scalar ? 0 : 1);
    } else if (scalar) {
        add_scalar(add, a, b, output, count, table);
    } else if (fits(add)) {
        add_corrected(add, a, b, output, count, table);
    } else if (fits(&exchanged)) {
        add_corrected(&exchanged, b, a, output, count, table);
    } else {
        nasc_add_directly(add, a, b, output, count, 1);
    }
}
