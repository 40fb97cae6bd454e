/* What a board is, from its TOML by way of the compiler's command line, and the start of its parts. */
#include "port.h"
#include "ports/parts.h"

static nasc_board_t board = {
    NASC_BOARD, NASC_CORE, NASC_CLOCK_HZ, NASC_RAM_BYTES, NASC_FLASH_BYTES, {0},
};

/* Chips without an id. */
__attribute__((weak)) void nasc_chip_id(uint8_t id[12])
{
    (void)id;
}

/* And without a watchdog. */
__attribute__((weak)) void nasc_watchdog_start(void)
{
}

__attribute__((weak)) void nasc_port_feed(void)
{
}

void nasc_port_start(void)
{
    nasc_chip_id(board.unique_id);
    nasc_serial_start();
    nasc_time_start();
    nasc_flash_start();
    nasc_watchdog_start();
}

const nasc_board_t *nasc_port_board(void)
{
    return &board;
}
