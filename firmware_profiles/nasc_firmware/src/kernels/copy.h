/* memcpy and memset for runs of a few to a few hundred bytes: those of small C libraries go byte by byte. */
#ifndef NASC_COPY_H
#define NASC_COPY_H

#include <stdbool.h>
#include <stdint.h>

/* Where the core loads words from any address (Armv7-M, Armv8-M mainline), all runs go by words. */
#if defined(__ARM_FEATURE_UNALIGNED)
enum { NASC_ANY_ADDRESS = 1 };
#define NASC_WORD(address) (address)
static inline bool nasc_by_words(const int8_t *to, const int8_t *from)
{
    (void)to;
    (void)from;
    return true;
}
#else
enum { NASC_ANY_ADDRESS = 0 };
#define NASC_WORD(address) __builtin_assume_aligned(address, 4)
static inline bool nasc_by_words(const int8_t *to, const int8_t *from)
{
    return (((uintptr_t)to | (uintptr_t)from) & 3) == 0;
}
#endif

static inline uint32_t nasc_get_word(const int8_t *from)
{
    uint32_t word;
    __builtin_memcpy(&word, NASC_WORD(from), sizeof word);
    return word;
}

static inline void nasc_put_word(int8_t *to, uint32_t word)
{
    __builtin_memcpy(NASC_WORD(to), &word, sizeof word);
}

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

static inline void nasc_copy(int8_t *to, const int8_t *from, uint32_t count)
{
    for (; count >= 16; count -= 16, to += 16, from += 16) {
        vstrbq_s8(to, vldrbq_s8(from));
    }
    if (count != 0) {
        const mve_pred16_t lanes = vctp8q(count);
        vstrbq_p_s8(to, vldrbq_z_s8(from, lanes), lanes);
    }
}

static inline void nasc_fill(int8_t *to, int8_t value, uint32_t count)
{
    const int8x16_t values = vdupq_n_s8(value);
    for (; count >= 16; count -= 16, to += 16) {
        vstrbq_s8(to, values);
    }
    if (count != 0) {
        vstrbq_p_s8(to, values, vctp8q(count));
    }
}

#else

static inline void nasc_copy(int8_t *to, const int8_t *from, uint32_t count)
{
    if (nasc_by_words(to, from)) {
        for (; count >= 16; count -= 16, to += 16, from += 16) {
            const uint32_t a = nasc_get_word(from), b = nasc_get_word(from + 4);
            const uint32_t c = nasc_get_word(from + 8), d = nasc_get_word(from + 12);
            nasc_put_word(to, a);
            nasc_put_word(to + 4, b);
            nasc_put_word(to + 8, c);
            nasc_put_word(to + 12, d);
        }
        for (; count >= 4; count -= 4, to += 4, from += 4) {
            nasc_put_word(to, nasc_get_word(from));
        }
    }
    for (; count != 0; count--) {
        *to++ = *from++;
    }
}

static inline void nasc_fill(int8_t *to, int8_t value, uint32_t count)
{
    const uint32_t word = (uint8_t)value * UINT32_C(0x01010101);
    if (nasc_by_words(to, to)) {
        for (; count >= 8; count -= 8, to += 8) {
            nasc_put_word(to, word);
            nasc_put_word(to + 4, word);
        }
    }
    for (; count != 0; count--) {
        *to++ = value;
    }
}

#endif
#endif
