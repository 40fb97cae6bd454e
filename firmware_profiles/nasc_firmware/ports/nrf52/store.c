/* The store in the upper half of the nRF52840's flash (product specification, "NVMC"): pages of 4 KB (NASC_FLASH_PAGE),
 * written by words, each at most twice between erases; the store writes each once. The core stands still when it reads
 * flash that is written, so what waits for it runs from RAM, and so do the interrupts. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/wait.h"
#include "words.h"

#define READY NASC_REGISTER(0x4001E400u)
#define CONFIGURATION NASC_REGISTER(0x4001E504u)
#define ERASE_PAGE NASC_REGISTER(0x4001E508u)

enum { READ_ONLY = 0, WRITE = 1, ERASE = 2, SECTOR = NASC_FLASH_PAGE };

/* About twice what the product specification allows an erase and a word. */
enum { ERASE_MS = 200, WORD_MS = 1 };

void nasc_flash_start(void)
{
}

uint32_t nasc_port_flash_bytes(void)
{
    return NASC_STORE_BYTES;
}

uint32_t nasc_port_flash_sector(void)
{
    return SECTOR;
}

const uint8_t *nasc_port_flash_map(uint32_t offset, uint32_t count)
{
    (void)count;
    return (const uint8_t *)(uintptr_t)(NASC_STORE_ORIGIN + offset);
}

NASC_IN_RAM static bool write_and_wait(volatile uint32_t *to, uint32_t mode, uint32_t word, uint32_t polls)
{
    CONFIGURATION = mode;
    *to = word;
    if (!nasc_wait(&READY, 1, 1, polls)) {
        return false;
    }
    CONFIGURATION = READ_ONLY;
    return nasc_wait(&READY, 1, 1, polls);
}

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    bool done = write_and_wait(&ERASE_PAGE, ERASE, NASC_STORE_ORIGIN + offset, NASC_POLLS(ERASE_MS));
    return done ? NASC_OK : NASC_BUSY;
}

nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    const uint8_t *from = bytes;
    for (uint32_t place = 0; place + 4 <= count; place += 4) {
        volatile uint32_t *to = &NASC_REGISTER(NASC_STORE_ORIGIN + offset + place);
        if (!write_and_wait(to, WRITE, nasc_u32(from + place), NASC_POLLS(WORD_MS))) {
            return NASC_BUSY;
        }
    }
    return NASC_OK;
}
