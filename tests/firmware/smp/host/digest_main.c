/* digest <piece>: CRC-16, CRC-32 and SHA-256 of stdin, taken in pieces of that many bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "digest/crc.h"
#include "digest/sha256.h"

int main(int argc, char **argv)
{
    uint32_t piece = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 64, crc32 = 0, count;
    uint16_t crc16 = 0;
    uint8_t digest[NASC_SHA256_BYTES], *bytes = malloc(piece);
    nasc_sha256_t sha256;
    nasc_sha256_start(&sha256);
    while ((count = (uint32_t)fread(bytes, 1, piece, stdin)) > 0) {
        crc16 = nasc_crc16(crc16, bytes, count);
        crc32 = nasc_crc32(crc32, bytes, count);
        nasc_sha256_add(&sha256, bytes, count);
    }
    nasc_sha256_finish(&sha256, digest);
    printf("%04x %08x ", (unsigned)crc16, (unsigned)crc32);
    for (unsigned i = 0; i < sizeof digest; i++) {
        printf("%02x", digest[i]);
    }
    free(bytes);
    return 0;
}
