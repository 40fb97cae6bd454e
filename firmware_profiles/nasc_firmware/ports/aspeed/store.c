/* The store in SPI NOR flash behind Aspeed's flash controller (AST1030 data sheet, "Firmware SPI Memory Controller"):
 * commands go out byte by byte in user mode, reads are memory-mapped. The commands are those that JESD216 calls
 * legacy: 4 KB erase 20h, page program 02h, read 03h, three bytes of address. */
#include <string.h>

#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/power_cut.h"

enum { SECTOR = 4096, PAGE = 256 };

#define CONTROLLER(offset) NASC_REGISTER(NASC_FMC + (offset))
#define PIPE (*(volatile uint8_t *)(uintptr_t)NASC_FMC_WINDOW)

enum {
    CONFIGURATION = 0x00,
    CHIP = 0x10, /* "CE0 control" */
    CONFIGURATION_WRITABLE = 1 << 16,
    CHIP_READ = 0,
    CHIP_USER = 3,
    CHIP_DESELECT = 1 << 2
};

enum { WRITE_STATUS = 0x01, PROGRAM = 0x02, READ_STATUS = 0x05, WRITE_ENABLE = 0x06, ERASE = 0x20, STATUS_BUSY = 1 };

static void begin(uint8_t command)
{
    CONTROLLER(CHIP) = CHIP_USER;
    PIPE = command;
}

static void begin_at(uint8_t command, uint32_t address)
{
    begin(command);
    PIPE = (uint8_t)(address >> 16);
    PIPE = (uint8_t)(address >> 8);
    PIPE = (uint8_t)address;
}

/* The chip carries a command out when it is deselected. */
static void end(void)
{
    CONTROLLER(CHIP) = CHIP_USER | CHIP_DESELECT;
}

static void enable_writing(void)
{
    begin(WRITE_ENABLE);
    end();
}

static void finish(void)
{
    end();
    begin(READ_STATUS);
    while (PIPE & STATUS_BUSY) {
    }
    end();
    CONTROLLER(CHIP) = CHIP_READ;
}

void nasc_flash_start(void)
{
    CONTROLLER(CONFIGURATION) |= CONFIGURATION_WRITABLE;
    end();
    enable_writing();
    begin(WRITE_STATUS);
    PIPE = 0; /* no block is protected */
    finish();
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
    return (const uint8_t *)(uintptr_t)(NASC_FMC_WINDOW + NASC_STORE_ORIGIN + offset);
}

static void program(uint32_t offset, const uint8_t *bytes, uint32_t count)
{
    while (count > 0) {
        uint32_t part = PAGE - offset % PAGE;
        part = part < count ? part : count;
        enable_writing();
        begin_at(PROGRAM, NASC_STORE_ORIGIN + offset);
        for (uint32_t place = 0; place < part; place++) {
            PIPE = bytes[place];
        }
        finish();
        offset += part;
        bytes += part;
        count -= part;
    }
}

nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    uint32_t done = nasc_power_cut_before(count);
    program(offset, bytes, done);
    nasc_power_cut_after(done, count);
    return NASC_OK;
}

static void erase(uint32_t offset)
{
    enable_writing();
    begin_at(ERASE, NASC_STORE_ORIGIN + offset);
    finish();
}

#ifdef NASC_POWER_CUT
/* The chip erases a whole sector or nothing; the rest of a torn erase is written again. */
static void erase_first(uint32_t offset, uint32_t count)
{
    static uint8_t rest[SECTOR];
    uint32_t left = SECTOR - count;
    if (count > 0) {
        memcpy(rest, nasc_port_flash_map(offset + count, left), left);
        erase(offset);
        program(offset + count, rest, left);
    }
}
#else
static void erase_first(uint32_t offset, uint32_t count)
{
    (void)count;
    erase(offset);
}
#endif

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    uint32_t done = nasc_power_cut_before(SECTOR);
    erase_first(offset, done);
    nasc_power_cut_after(done, SECTOR);
    return NASC_OK;
}
