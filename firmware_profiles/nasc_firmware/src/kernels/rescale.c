/* RELU, RELU6 and QUANTIZE: the same numbers in steps of another scale. */
#include "copy.h"
#include "kernels.h"
#include "map.h"
#include "requantize.h"
#include "rising.h"

/* From so many elements on a table costs less than it saves. Beyond 22 bits to the left steps far from the zero point
 * overflow, and the table's outputs would not rise. What is shifted to the right is at most 255: 10 bits leave 0, and so
 * do more. */
enum { WORTH_A_TABLE = 96, MOST_LEFT = 22, MOST_RIGHT = 10 };

static int32_t unclamped(const nasc_rescale_t *rescale, int32_t step)
{
    return nasc_scale(step - rescale->in_zero, &rescale->scale) + rescale->out_zero;
}

static void directly(const nasc_rescale_t *rescale, const int8_t *input, int8_t *output, uint32_t count)
{
    const nasc_rescale_t own = *rescale; /* or all of it would be loaded again after each store of a byte */
    for (uint32_t i = 0; i < count; i++) {
        output[i] = (int8_t)nasc_clamp(unclamped(&own, input[i]), own.low, own.high);
    }
}

/* The first step whose output is not below a value, 128 where there is none: outputs never fall as steps rise. */
static int32_t first_reaching(const nasc_rescale_t *rescale, int32_t value)
{
    int32_t from = NASC_LOWEST;
    for (int32_t half = NASC_STEPS / 2; half != 0; half /= 2) {
        if (unclamped(rescale, from + half - 1) < value) {
            from += half;
        }
    }
    return unclamped(rescale, from) < value ? from + 1 : from;
}

/* Steps on one side of the zero point. */
static void fill_rising(const nasc_rescale_t *rescale, int8_t *of_zero, int32_t from, int32_t end)
{
    const nasc_scale_t *const scale = &rescale->scale;
    const int32_t right = scale->right < MOST_RIGHT ? scale->right : MOST_RIGHT;
    nasc_rising_t rising = nasc_rising(from - rescale->in_zero, scale->left, scale, right,
                                       rescale->out_zero * (INT32_C(1) << right));
    int8_t *output = of_zero + from;
#pragma GCC unroll 4
    for (int32_t left = end - from; left > 0; left--) {
        *output++ = (int8_t)(nasc_rise(&rising) >> right);
    }
}

static int32_t between(int32_t low, int32_t value, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void by_table(const nasc_rescale_t *rescale, const int8_t *input, int8_t *output, uint32_t count)
{
    int8_t table[NASC_STEPS];
    int8_t *const of_zero = table - NASC_LOWEST;
    const int32_t after = NASC_LOWEST + NASC_STEPS, low_end = first_reaching(rescale, rescale->low);
    const int32_t high_from = between(low_end, first_reaching(rescale, rescale->high), after);
    const int32_t turn = between(low_end, rescale->in_zero, high_from);
    nasc_fill(table, rescale->low, (uint32_t)(low_end - NASC_LOWEST));
    fill_rising(rescale, of_zero, low_end, turn);
    fill_rising(rescale, of_zero, turn, high_from);
    nasc_fill(of_zero + high_from, rescale->high, (uint32_t)(after - high_from));
    nasc_map(table, input, output, count);
}

void nasc_rescale(const nasc_rescale_t *rescale, const int8_t *input, int8_t *output, uint32_t count)
{
    if (count >= WORTH_A_TABLE && rescale->scale.left <= MOST_LEFT) {
        by_table(rescale, input, output, count);
    } else {
        directly(rescale, input, output, count);
    }
}
