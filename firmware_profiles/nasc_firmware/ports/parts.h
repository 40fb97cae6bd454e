/* What each part of a port starts: chip, serial line, time, flash. Together with port.h, all that a port has to
 * provide. */
#ifndef NASC_PORTS_PARTS_H
#define NASC_PORTS_PARTS_H

#include <stdint.h>

/* For what runs while flash is written and cannot be read: interrupt handlers, and the wait for the flash. */
#define NASC_IN_RAM __attribute__((section(".ramcode"), noinline))

/* Before memory is used, so without static variables: power, watchdogs, clocks. Optional. */
void nasc_chip_start(void);

/* What tells one chip from another, at most 12 bytes; the rest stays 0. Optional. */
void nasc_chip_id(uint8_t id[12]);

void nasc_serial_start(void);
void nasc_time_start(void);
void nasc_flash_start(void);

/* From here on the board is reset when nasc_port_feed was not called for NASC_WATCHDOG_S, or what is near to it on this
 * chip. Optional, and goes with nasc_port_feed. */
void nasc_watchdog_start(void);

#ifndef NASC_WATCHDOG_S
#define NASC_WATCHDOG_S 60u
#endif

/* A serial part that receives by interrupt provides this, and on Arm the board file says NASC_UART_IRQ. */
void nasc_uart_handler(void);

/* A time part that extends SysTick provides this. */
void nasc_tick_handler(void);

#endif
