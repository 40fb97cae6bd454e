/* All porting: what a board provides. A port is the parts that implement these (ports/parts.h), a start-up file and a
 * linker script; docs/porting.md. Nothing here may allocate or call back into the firmware. */
#ifndef NASC_PORT_H
#define NASC_PORT_H

#include <stdint.h>

#include "status.h"

/* What a count of nasc_port_now is. */
enum { NASC_UNIT_CYCLES = 0, NASC_UNIT_TICKS = 1 };

typedef struct {
    const char *board; /* as in boards/<board>.toml */
    const char *core;
    uint32_t clock_hz;
    uint32_t ram_bytes, flash_bytes;
    uint8_t unique_id[12];
} nasc_board_t;

void nasc_port_start(void);
const nasc_board_t *nasc_port_board(void);

/* Time: a free-running 32-bit counter. Which source was found (DWT, a timer), what it counts and how many a second is
 * said by the three below. */
uint32_t nasc_port_now(void);
const char *nasc_port_time_source(void);
uint8_t nasc_port_time_unit(void);
uint32_t nasc_port_time_hz(void);

/* Serial. receive returns at once with what has arrived, at most `most` bytes; send waits until the bytes left. */
uint32_t nasc_port_receive(uint8_t *bytes, uint32_t most);
void nasc_port_send(const uint8_t *bytes, uint32_t count);

/* Flash of the store: sectors of nasc_port_flash_sector() bytes, pages of 256; offsets count from the store's start.
 * map is where plans are run from: memory-mapped flash, or a copy that the port keeps in RAM. */
uint32_t nasc_port_flash_bytes(void);
uint32_t nasc_port_flash_sector(void);
nasc_status_t nasc_port_flash_read(uint32_t offset, void *bytes, uint32_t count);
nasc_status_t nasc_port_flash_erase(uint32_t offset);
nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count);
const uint8_t *nasc_port_flash_map(uint32_t offset, uint32_t count);

/* Whatever runs for long calls this every few seconds at least, or the chip's watchdog resets the board. */
void nasc_port_feed(void);
void nasc_port_reset(void);

#endif
