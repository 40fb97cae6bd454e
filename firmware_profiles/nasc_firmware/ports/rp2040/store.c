/* The store in the SPI flash of an RP2040 board, by the boot ROM's functions (data sheet, "Flash Access
 * Functions"). They make flash unreadable while they work; the firmware runs from RAM, so nothing has to wait. Reads
 * are memory-mapped and cached ("SSI", "XIP Cache"). */
#include "port.h"
#include "ports/parts.h"

/* "Bootrom Contents": 16-bit pointers to the table of functions and to what searches it. */
enum { FUNCTIONS = 0x14, LOOK_UP = 0x18 };
#define CODE(first, second) ((uint32_t)(first) | (uint32_t)(second) << 8)

enum { FLASH = 0x10000000, SECTOR = 4096, BLOCK = 1 << 16, BLOCK_ERASE = 0xD8 };

typedef void *(*look_up_t)(const uint16_t *table, uint32_t code);
typedef void (*plain_t)(void);
typedef void (*erase_t)(uint32_t address, uint32_t count, uint32_t block, uint8_t block_command);
typedef void (*program_t)(uint32_t address, const uint8_t *bytes, uint32_t count);

static plain_t connect, leave_mapping, flush, enter_mapping;
static erase_t erase;
static program_t program;

/* The compiler takes an address below 4096 for a mistake, so it must not see it. */
static uintptr_t rom_pointer(uintptr_t address)
{
    __asm__("" : "+r"(address));
    return *(const uint16_t *)address;
}

/* ISO C has no cast from an object's pointer to a function's; through a number there is one. */
static uintptr_t find(uint32_t code)
{
    look_up_t look_up = (look_up_t)rom_pointer(LOOK_UP);
    return (uintptr_t)look_up((const uint16_t *)rom_pointer(FUNCTIONS), code);
}

void nasc_flash_start(void)
{
    connect = (plain_t)find(CODE('I', 'F'));
    leave_mapping = (plain_t)find(CODE('E', 'X'));
    erase = (erase_t)find(CODE('R', 'E'));
    program = (program_t)find(CODE('R', 'P'));
    flush = (plain_t)find(CODE('F', 'C'));
    enter_mapping = (plain_t)find(CODE('C', 'X'));
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
    return (const uint8_t *)(uintptr_t)(FLASH + NASC_STORE_ORIGIN + offset);
}

static void begin(void)
{
    connect();
    leave_mapping();
}

static void end(void)
{
    flush();
    enter_mapping();
}

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    begin();
    erase(NASC_STORE_ORIGIN + offset, SECTOR, BLOCK, BLOCK_ERASE);
    end();
    return NASC_OK;
}

nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    begin();
    program(NASC_STORE_ORIGIN + offset, bytes, count);
    end();
    return NASC_OK;
}
