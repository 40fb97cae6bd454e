#include "digest/sha256.h"

#include <string.h>

/* FIPS 180-4, 4.2.2: "the first thirty-two bits of the fractional parts of the cube roots of the first sixty-four prime
 * numbers". */
static const uint32_t constants[64] = {
    0x428A2F98u, 0x71374491u, 0xB5C0FBCFu, 0xE9B5DBA5u, 0x3956C25Bu, 0x59F111F1u, 0x923F82A4u, 0xAB1C5ED5u,
    0xD807AA98u, 0x12835B01u, 0x243185BEu, 0x550C7DC3u, 0x72BE5D74u, 0x80DEB1FEu, 0x9BDC06A7u, 0xC19BF174u,
    0xE49B69C1u, 0xEFBE4786u, 0x0FC19DC6u, 0x240CA1CCu, 0x2DE92C6Fu, 0x4A7484AAu, 0x5CB0A9DCu, 0x76F988DAu,
    0x983E5152u, 0xA831C66Du, 0xB00327C8u, 0xBF597FC7u, 0xC6E00BF3u, 0xD5A79147u, 0x06CA6351u, 0x14292967u,
    0x27B70A85u, 0x2E1B2138u, 0x4D2C6DFCu, 0x53380D13u, 0x650A7354u, 0x766A0ABBu, 0x81C2C92Eu, 0x92722C85u,
    0xA2BFE8A1u, 0xA81A664Bu, 0xC24B8B70u, 0xC76C51A3u, 0xD192E819u, 0xD6990624u, 0xF40E3585u, 0x106AA070u,
    0x19A4C116u, 0x1E376C08u, 0x2748774Cu, 0x34B0BCB5u, 0x391C0CB3u, 0x4ED8AA4Au, 0x5B9CCA4Fu, 0x682E6FF3u,
    0x748F82EEu, 0x78A5636Fu, 0x84C87814u, 0x8CC70208u, 0x90BEFFFAu, 0xA4506CEBu, 0xBEF9A3F7u, 0xC67178F2u,
};

/* FIPS 180-4, 5.3.3: the same of the square roots of the first eight primes. */
static const uint32_t initial_state[8] = {
    0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au,
    0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u,
};

static uint32_t rotate_right(uint32_t word, unsigned bits)
{
    return (word >> bits) | (word << (32u - bits));
}

/* FIPS 180-4, 6.2.2. The message schedule needs only its last 16 words, so it is kept as a ring of 16. The working
 * variables are no array: moving one along costs more than the round itself, and an upload waits for it. */
static void compress(uint32_t state[8], const uint8_t block[64])
{
    uint32_t schedule[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (unsigned t = 0; t < 64; t++) {
        uint32_t word;
        if (t < 16) {
            const uint8_t *at = block + 4 * t;
            word = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        } else {
            uint32_t early = schedule[(t + 1) & 15u], late = schedule[(t + 14) & 15u];
            word = schedule[t & 15u] + schedule[(t + 9) & 15u] +
                   (rotate_right(early, 7) ^ rotate_right(early, 18) ^ early >> 3) +
                   (rotate_right(late, 17) ^ rotate_right(late, 19) ^ late >> 10);
        }
        schedule[t & 15u] = word;
        uint32_t first = h + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) + ((e & f) ^ (~e & g)) +
                         constants[t] + word;
        uint32_t second =
            (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + first;
        d = c;
        c = b;
        b = a;
        a = first + second;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void nasc_sha256_start(nasc_sha256_t *sha256)
{
    memcpy(sha256->state, initial_state, sizeof initial_state);
    sha256->count = 0;
}

void nasc_sha256_add(nasc_sha256_t *sha256, const uint8_t *bytes, uint32_t count)
{
    while (count > 0) {
        uint32_t held = (uint32_t)(sha256->count & 63u), room = 64u - held;
        uint32_t taken = count < room ? count : room;
        memcpy(sha256->block + held, bytes, taken);
        sha256->count += taken;
        bytes += taken;
        count -= taken;
        if (held + taken == 64u) {
            compress(sha256->state, sha256->block);
        }
    }
}

void nasc_sha256_finish(nasc_sha256_t *sha256, uint8_t digest[NASC_SHA256_BYTES])
{
    /* FIPS 180-4, 5.1.1: a one, zeros up to 448 modulo 512 bits, the length in bits as 64 bits. */
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = sha256->count << 3;
    uint8_t length[8];
    for (unsigned i = 0; i < 8; i++) {
        length[i] = (uint8_t)(bits >> (56u - 8u * i));
    }
    uint32_t held = (uint32_t)(sha256->count & 63u);
    nasc_sha256_add(sha256, padding, (held < 56u ? 56u : 120u) - held);
    nasc_sha256_add(sha256, length, sizeof length);
    for (unsigned i = 0; i < NASC_SHA256_BYTES; i++) {
        digest[i] = (uint8_t)(sha256->state[i / 4] >> (24u - 8u * (i & 3u)));
    }
}

void nasc_sha256(const uint8_t *bytes, uint32_t count, uint8_t digest[NASC_SHA256_BYTES])
{
    nasc_sha256_t sha256;
    nasc_sha256_start(&sha256);
    nasc_sha256_add(&sha256, bytes, count);
    nasc_sha256_finish(&sha256, digest);
}
