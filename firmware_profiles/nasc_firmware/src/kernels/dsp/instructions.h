/* The Armv7E-M DSP instructions that the kernels are made of; C has no other name for them. */
#ifndef NASC_DSP_INSTRUCTIONS_H
#define NASC_DSP_INSTRUCTIONS_H

#include <stdint.h>

/* Four bytes from any address: one LDR, which Armv7E-M allows unaligned. -ffreestanding makes memcpy a call. */
static inline uint32_t nasc_load_word(const void *bytes)
{
    uint32_t word;
    __builtin_memcpy(&word, bytes, sizeof word);
    return word;
}

static inline void nasc_store_word(void *bytes, uint32_t word)
{
    __builtin_memcpy(bytes, &word, sizeof word);
}

/* Bytes 0 and 2 of a word as two int16. */
static inline uint32_t nasc_widen_even(uint32_t bytes)
{
    uint32_t lanes;
    __asm__("sxtb16 %0, %1" : "=r"(lanes) : "r"(bytes));
    return lanes;
}

/* Bytes 1 and 3 of a word as two int16. */
static inline uint32_t nasc_widen_odd(uint32_t bytes)
{
    uint32_t lanes;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(lanes) : "r"(bytes));
    return lanes;
}

/* Lanes + bytes 0 and 2, or 1 and 3, of a word. */
static inline uint32_t nasc_add_even(uint32_t lanes, uint32_t bytes)
{
    __asm__("sxtab16 %0, %0, %1" : "+r"(lanes) : "r"(bytes));
    return lanes;
}

static inline uint32_t nasc_add_odd(uint32_t lanes, uint32_t bytes)
{
    __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(lanes) : "r"(bytes));
    return lanes;
}

/* (low, high): the low halves, or the high halves, of two words. */
static inline uint32_t nasc_pack_bottom(uint32_t low, uint32_t high)
{
    uint32_t lanes;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(lanes) : "r"(low), "r"(high));
    return lanes;
}

static inline uint32_t nasc_pack_top(uint32_t low, uint32_t high)
{
    uint32_t lanes;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(lanes) : "r"(high), "r"(low));
    return lanes;
}

/* sum + both lanes' products. */
static inline int32_t nasc_multiply_lanes(uint32_t a, uint32_t b, int32_t sum)
{
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* sum + a's low lane times b's high lane. */
static inline int32_t nasc_multiply_bottom_top(uint32_t a, uint32_t b, int32_t sum)
{
    __asm__("smlabt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* sum + a's high lane times b's low lane. */
static inline int32_t nasc_multiply_top_bottom(uint32_t a, uint32_t b, int32_t sum)
{
    __asm__("smlatb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* a * b / 2^32, rounded to nearest, ties upwards. */
static inline int32_t nasc_multiply_high(int32_t a, int32_t b)
{
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

/* sum + a * b / 2^32, rounded to nearest, ties upwards. */
static inline int32_t nasc_multiply_high_add(int32_t a, int32_t b, int32_t sum)
{
    int32_t high;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(high) : "r"(a), "r"(b), "r"(sum));
    return high;
}

static inline uint32_t nasc_saturate_16(int32_t value)
{
    uint32_t lane;
    __asm__("ssat %0, #16, %1" : "=r"(lane) : "r"(value));
    return lane;
}

/* Two int16 to 0..255. */
static inline uint32_t nasc_saturate_bytes(uint32_t lanes)
{
    uint32_t bytes;
    __asm__("usat16 %0, #8, %1" : "=r"(bytes) : "r"(lanes));
    return bytes;
}

/* Byte by byte; what does not fit is lost, or becomes 255. */
static inline uint32_t nasc_add_bytes(uint32_t a, uint32_t b)
{
    uint32_t bytes;
    __asm__("uadd8 %0, %1, %2" : "=r"(bytes) : "r"(a), "r"(b) : "cc");
    return bytes;
}

static inline uint32_t nasc_add_bytes_saturated(uint32_t a, uint32_t b)
{
    uint32_t bytes;
    __asm__("uqadd8 %0, %1, %2" : "=r"(bytes) : "r"(a), "r"(b));
    return bytes;
}

/* Lane by lane, saturated to int16. */
static inline uint32_t nasc_add_lanes(uint32_t a, uint32_t b)
{
    uint32_t lanes;
    __asm__("qadd16 %0, %1, %2" : "=r"(lanes) : "r"(a), "r"(b));
    return lanes;
}

/* Lane by lane; SSUB16 sets the flags that SEL chooses by, so the two stay together. */
static inline uint32_t nasc_larger_lanes(uint32_t a, uint32_t b)
{
    uint32_t lanes;
    __asm__("ssub16 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(lanes) : "r"(a), "r"(b) : "cc");
    return lanes;
}

static inline uint32_t nasc_smaller_lanes(uint32_t a, uint32_t b)
{
    uint32_t lanes;
    __asm__("ssub16 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(lanes) : "r"(a), "r"(b) : "cc");
    return lanes;
}

#endif
