/* A load, a look-up and a quarter of a store for each element. */
#include "map.h"

#include "copy.h"

/* Four outputs in a word: four stores of bytes would do, but the compiler makes one of them, and not as well. */
static inline uint32_t look_up_four(const uint8_t *of_zero, const int8_t *input)
{
    const int8_t a = input[0], b = input[1], c = input[2], d = input[3];
    return of_zero[a] | (uint32_t)of_zero[b] << 8 | (uint32_t)of_zero[c] << 16 | (uint32_t)of_zero[d] << 24;
}

void nasc_map(const int8_t table[NASC_STEPS], const int8_t *input, int8_t *output, uint32_t count)
{
#if defined(__ARM_FEATURE_MVE)
    for (; count >= 16; count -= 16, input += 16, output += 16) {
        const uint8x16_t places = veorq_u8(vldrbq_u8((const uint8_t *)input), vdupq_n_u8(0x80));
        vstrbq_s8(output, vldrbq_gather_offset_s8(table, places));
    }
#endif
    const uint8_t *const of_zero = (const uint8_t *)table - NASC_LOWEST;
    for (; count >= 16; count -= 16, input += 16, output += 16) {
        nasc_put_word(output, look_up_four(of_zero, input));
        nasc_put_word(output + 4, look_up_four(of_zero, input + 4));
        nasc_put_word(output + 8, look_up_four(of_zero, input + 8));
        nasc_put_word(output + 12, look_up_four(of_zero, input + 12));
    }
    for (; count != 0; count--) {
        *output++ = (int8_t)of_zero[*input++];
    }
}
