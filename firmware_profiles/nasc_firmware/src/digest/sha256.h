/* SHA-256 (FIPS 180-4) of bytes that come in pieces. */
#ifndef NASC_SHA256_H
#define NASC_SHA256_H

#include <stdint.h>

enum { NASC_SHA256_BYTES = 32 };

typedef struct {
    uint32_t state[8];
    uint64_t count; /* of all bytes added */
    uint8_t block[64];
} nasc_sha256_t;

void nasc_sha256_start(nasc_sha256_t *sha256);
void nasc_sha256_add(nasc_sha256_t *sha256, const uint8_t *bytes, uint32_t count);

/* The digest of what was added; start again before the next use. */
void nasc_sha256_finish(nasc_sha256_t *sha256, uint8_t digest[NASC_SHA256_BYTES]);

/* All three at once. */
void nasc_sha256(const uint8_t *bytes, uint32_t count, uint8_t digest[NASC_SHA256_BYTES]);

#endif
