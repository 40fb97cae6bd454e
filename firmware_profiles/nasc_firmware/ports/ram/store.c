/* The store of boards whose flash cannot be written: memory, which a reset leaves alone and a power cut does not. */
#include <string.h>

#include "port.h"
#include "ports/parts.h"

enum { SECTOR = 4096 };

static uint8_t store[NASC_STORE_BYTES] __attribute__((section(".noinit"), aligned(16)));

void nasc_flash_start(void)
{
}

uint32_t nasc_port_flash_bytes(void)
{
    return sizeof store;
}

uint32_t nasc_port_flash_sector(void)
{
    return SECTOR;
}

nasc_status_t nasc_port_flash_read(uint32_t offset, void *bytes, uint32_t count)
{
    memcpy(bytes, store + offset, count);
    return NASC_OK;
}

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    memset(store + offset, 0xFF, SECTOR);
    return NASC_OK;
}

nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    memcpy(store + offset, bytes, count);
    return NASC_OK;
}

const uint8_t *nasc_port_flash_map(uint32_t offset, uint32_t count)
{
    (void)count;
    return store + offset;
}
