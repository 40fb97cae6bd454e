/* Little-endian words out of bytes, by shifts. */
#ifndef NASC_WORDS_H
#define NASC_WORDS_H

#include <stdint.h>

static inline uint16_t nasc_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | (uint16_t)(bytes[1] << 8));
}

static inline uint32_t nasc_u32(const uint8_t *bytes)
{
    return (uint32_t)nasc_u16(bytes) | ((uint32_t)nasc_u16(bytes + 2) << 16);
}

static inline void nasc_put_u32(uint8_t *bytes, uint32_t word)
{
    for (int place = 0; place < 4; place++) {
        bytes[place] = (uint8_t)(word >> (8 * place));
    }
}

#endif
