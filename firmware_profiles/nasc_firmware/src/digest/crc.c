#include "digest/crc.h"

/* SMP transport specification, "CRC Details": "CRC16 polynomial is 0x1021 and initial value is 0." Two bytes a table
 * entry would cost more flash than the console, which carries short packets, is worth. */
uint16_t nasc_crc16(uint16_t crc, const uint8_t *bytes, uint32_t count)
{
    while (count-- > 0) {
        /* A byte at once: x * 0x1021 = x ^ x << 5 ^ x << 12 where the eight bits that fall out are mixed first. */
        uint16_t mixed = (uint16_t)((crc >> 8) ^ *bytes++);
        mixed = (uint16_t)(mixed ^ (mixed >> 4));
        crc = (uint16_t)((crc << 8) ^ (mixed << 12) ^ (mixed << 5) ^ mixed);
    }
    return crc;
}

/* The reflected polynomial 0xEDB88320 for each value of four bits: 64 bytes of flash, two steps a byte. */
static const uint32_t nibbles[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
    0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

uint32_t nasc_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count)
{
    crc = ~crc;
    while (count-- > 0) {
        crc ^= *bytes++;
        crc = (crc >> 4) ^ nibbles[crc & 15u];
        crc = (crc >> 4) ^ nibbles[crc & 15u];
    }
    return ~crc;
}
