/* The store in SPI NOR flash behind Aspeed's flash controller (AST1030 data sheet, "Firmware SPI Memory Controller"):
 * commands go out byte by byte in user mode, reads are memory-mapped. The commands are those that JESD216 calls
 * legacy: 4 KB erase 20h, page program 02h, read 03h, three bytes of address. */
#include <string.h>

#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/power_cut.h"
#include "ports/wait.h"

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

/* About twice what such chips allow themselves for a sector. */
enum { LONGEST_MS = 1000 };

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

static nasc_status_t finish(void)
{
    uint32_t polls = NASC_POLLS(LONGEST_MS);
    bool busy;
    end();
    begin(READ_STATUS);
    do {
        busy = PIPE & STATUS_BUSY;
    } while (busy && polls-- > 0);
    end();
    CONTROLLER(CHIP) = CHIP_READ;
    return busy ? NASC_BUSY : NASC_OK;
}

void nasc_flash_start(void)
{
    CONTROLLER(CONFIGURATION) |= CONFIGURATION_WRITABLE;
    end();
    enable_writing();
    begin(WRITE_STATUS);
    PIPE = 0; /* no block is protected */
    (void)finish();
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

static nasc_status_t program(uint32_t offset, const uint8_t *bytes, uint32_t count)
{
    nasc_status_t status = NASC_OK;
    while (count > 0 && status == NASC_OK) {
        uint32_t part = PAGE - offset % PAGE;
        part = part < count ? part : count;
        enable_writing();
        begin_at(PROGRAM, NASC_STORE_ORIGIN + offset);
        for (uint32_t place = 0; place < part; place++) {
            PIPE = bytes[place];
        }
        status = finish();
        offset += part;
        bytes += part;
        count -= part;
    }
    return status;
}

nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    uint32_t done = nasc_power_cut_before(count);
    nasc_status_t status = program(offset, bytes, done);
    nasc_power_cut_after(done, count);
    return status;
}

static nasc_status_t erase(uint32_t offset)
{
    enable_writing();
    begin_at(ERASE, NASC_STORE_ORIGIN + offset);
    return finish();
}

#ifdef NASC_POWER_CUT
/* The chip erases a whole sector or nothing; the rest of a torn erase is written again. */
static nasc_status_t erase_first(uint32_t offset, uint32_t count)
{
    static uint8_t rest[SECTOR];
    uint32_t left = SECTOR - count;
    if (count == 0) {
        return NASC_OK;
    }
    memcpy(rest, nasc_port_flash_map(offset + count, left), left);
    nasc_status_t status = erase(offset);
    return status == NASC_OK ? program(offset + count, rest, left) : status;
}
#else
static nasc_status_t erase_first(uint32_t offset, uint32_t count)
{
    (void)count;
    return erase(offset);
}
#endif

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    uint32_t done = nasc_power_cut_before(SECTOR);
    nasc_status_t status = erase_first(offset, done);
    nasc_power_cut_after(done, SECTOR);
    return status;
}
