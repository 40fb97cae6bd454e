/* Checksums of the serial line: CRC-16/XMODEM of the console framing, CRC-32 (IEEE 802.3, as zlib) of the raw one.
 * Both continue: start with 0 and pass the last value for the next piece. */
#ifndef NASC_CRC_H
#define NASC_CRC_H

#include <stdint.h>

uint16_t nasc_crc16(uint16_t crc, const uint8_t *bytes, uint32_t count);
uint32_t nasc_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count);

#endif
