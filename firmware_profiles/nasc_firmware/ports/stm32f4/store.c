/* The store in the flash of the STM32F446RE (RM0390, "Embedded flash memory interface").
 *
 * Its eight sectors differ: 4 of 16 KB, one of 64 KB, 3 of 128 KB. The firmware has the first 64 KB (sectors 0 to 3),
 * the commit records have sectors 4 and 5, of which they use a page each, and the plans sectors 6 and 7: 128 KB each.
 * To the store it looks like four sectors of 128 KB.
 *
 * There is one bank: reading it while it is written stalls the core. So what waits for it runs from RAM, and so do the
 * interrupts. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/wait.h"
#include "words.h"

#define FLASH(offset) NASC_REGISTER(0x40023C00u + (offset))

enum { KEY = 0x04, STATUS = 0x0C, CONTROL = 0x10 };
enum { PROGRAM = 1 << 0, SECTOR_ERASE = 1 << 1, SECTOR_SHIFT = 3, BY_WORDS = 2 << 8, START = 1 << 16 };

#define KEY_1 0x45670123u
#define KEY_2 0xCDEF89ABu
#define LOCK (1u << 31)
#define BUSY (1u << 16)
#define FAULTS 0xF2u /* PGSERR, PGPERR, PGAERR, WRPERR, OPERR */

/* About twice what the data sheet allows an erase and a word. */
enum { ERASE_MS = 4000, WORD_MS = 1 };

enum { SECTOR_BITS = 17, SECTOR = 1 << SECTOR_BITS, SECTORS = 4 };

static const struct {
    uint32_t number, address;
} sectors[SECTORS] = {
    {4, 0x08010000}, {6, 0x08040000}, /* record and plan of the first slot */
    {5, 0x08020000}, {7, 0x08060000}, /* of the second */
};

void nasc_flash_start(void)
{
}

uint32_t nasc_port_flash_bytes(void)
{
    return SECTORS * SECTOR;
}

uint32_t nasc_port_flash_sector(void)
{
    return SECTOR;
}

const uint8_t *nasc_port_flash_map(uint32_t offset, uint32_t count)
{
    (void)count;
    return (const uint8_t *)(uintptr_t)(sectors[offset >> SECTOR_BITS].address + offset % SECTOR);
}

static void unlock(void)
{
    if (FLASH(CONTROL) & LOCK) {
        FLASH(KEY) = KEY_1;
        FLASH(KEY) = KEY_2;
    }
    FLASH(STATUS) = FAULTS;
}

/* While the flash is busy, a write to its control register would stall the core ("FLASH_CR"). */
static nasc_status_t lock(bool done)
{
    uint32_t status = FLASH(STATUS);
    if (!done) {
        return NASC_BUSY;
    }
    FLASH(CONTROL) = LOCK;
    return status & FAULTS ? NASC_FLASH_FAILED : NASC_OK;
}

NASC_IN_RAM static bool start_and_wait(uint32_t control)
{
    FLASH(CONTROL) = control;
    FLASH(CONTROL) = control | START;
    return nasc_wait(&FLASH(STATUS), BUSY, 0, NASC_POLLS(ERASE_MS));
}

NASC_IN_RAM static bool write_and_wait(volatile uint32_t *to, uint32_t word)
{
    *to = word;
    return nasc_wait(&FLASH(STATUS), BUSY, 0, NASC_POLLS(WORD_MS));
}

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    unlock();
    return lock(start_and_wait(SECTOR_ERASE | BY_WORDS | sectors[offset >> SECTOR_BITS].number << SECTOR_SHIFT));
}

nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    uintptr_t to = (uintptr_t)nasc_port_flash_map(offset, count);
    const uint8_t *from = bytes;
    bool done = true;
    unlock();
    FLASH(CONTROL) = PROGRAM | BY_WORDS;
    for (uint32_t place = 0; place + 4 <= count && done; place += 4) {
        done = write_and_wait(&NASC_REGISTER(to + place), nasc_u32(from + place));
    }
    return lock(done);
}
