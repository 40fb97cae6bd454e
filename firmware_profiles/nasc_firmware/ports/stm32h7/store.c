/* The store in bank 2 of the STM32H743's flash (RM0433, "Embedded flash memory"): 8 sectors of 128 KB. The firmware is
 * in bank 1 and runs on while bank 2 is written.
 *
 * Flash has an ECC over each 32 bytes, which are therefore written at once and only once after an erase. What a power
 * cut left behind may be uncorrectable, and reading it is a bus fault ("Error correction code error"): records are read
 * with faults ignored, and their CRC finds what is wrong. Plans are read only behind a good record. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/wait.h"
#include "words.h"

#define FLASH(offset) NASC_REGISTER(0x52002100u + (offset)) /* registers of bank 2 */

enum { KEY = 0x04, CONTROL = 0x0C, STATUS = 0x10, CLEAR = 0x14 };
enum { LOCK = 1 << 0, PROGRAM = 1 << 1, SECTOR_ERASE = 1 << 2, BY_64_BITS = 3 << 4, START = 1 << 7, SECTOR_SHIFT = 8 };
enum { QUEUED = 1 << 2 };

#define KEY_1 0x45670123u
#define KEY_2 0xCDEF89ABu
#define WRITE_FAULTS 0x006E0000u /* WRPERR, PGSERR, STRBERR, INCERR, OPERR */
#define ALL_FAULTS 0x07EE0000u   /* and those of reading */

/* About twice what the data sheet allows an erase and 32 bytes. */
enum { ERASE_MS = 8000, WRITE_MS = 2 };

enum { BANK = 0x08100000, SECTOR = 1 << 17, FLASH_WORD = 32, IGNORE_BUS_FAULTS = 1 << 8 };

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
    return (const uint8_t *)(uintptr_t)(BANK + offset);
}

/* Armv7-M architecture reference manual, B3.2.8, BFHFNMIGN: handlers of priority -1 ignore bus faults of loads, and
 * FAULTMASK gives that priority. */
nasc_status_t nasc_port_flash_read(uint32_t offset, void *bytes, uint32_t count)
{
    const volatile uint8_t *from = nasc_port_flash_map(offset, count);
    uint8_t *to = bytes;
    __asm__ volatile("cpsid f" ::: "memory");
    NASC_CCR |= IGNORE_BUS_FAULTS;
    __asm__ volatile("dsb\n isb" ::: "memory");
    for (uint32_t place = 0; place < count; place++) {
        to[place] = from[place];
    }
    __asm__ volatile("dsb" ::: "memory");
    NASC_CCR &= ~(uint32_t)IGNORE_BUS_FAULTS;
    __asm__ volatile("cpsie f" ::: "memory");
    FLASH(CLEAR) = ALL_FAULTS;
    return NASC_OK;
}

static void unlock(void)
{
    if (FLASH(CONTROL) & LOCK) {
        FLASH(KEY) = KEY_1;
        FLASH(KEY) = KEY_2;
    }
    FLASH(CLEAR) = ALL_FAULTS;
}

static bool wait(uint32_t milliseconds)
{
    return nasc_wait(&FLASH(STATUS), QUEUED, 0, NASC_POLLS(milliseconds));
}

static nasc_status_t lock(bool done)
{
    uint32_t status = FLASH(STATUS);
    if (!done) {
        return NASC_BUSY;
    }
    FLASH(CONTROL) = LOCK;
    return status & WRITE_FAULTS ? NASC_FLASH_FAILED : NASC_OK;
}

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    uint32_t control = SECTOR_ERASE | BY_64_BITS | (offset / SECTOR) << SECTOR_SHIFT;
    unlock();
    FLASH(CONTROL) = control;
    FLASH(CONTROL) = control | START;
    return lock(wait(ERASE_MS));
}

static bool program_flash_word(uintptr_t to, const uint8_t *from)
{
    for (uint32_t place = 0; place < FLASH_WORD; place += 4) {
        NASC_REGISTER(to + place) = nasc_u32(from + place);
    }
    __asm__ volatile("dsb" ::: "memory");
    return wait(WRITE_MS);
}

nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    const uint8_t *from = bytes;
    bool done = true;
    unlock();
    FLASH(CONTROL) = PROGRAM | BY_64_BITS;
    for (uint32_t place = 0; place + FLASH_WORD <= count && done; place += FLASH_WORD) {
        done = program_flash_word(BANK + offset + place, from + place);
    }
    return lock(done);
}
