/* Watchdog of the RP2040 (data sheet, "Watchdog"), and reset by it, which also starts the boot ROM again. Its counter
 * has 24 bits and loses two at each tick (erratum RP2040-E1); a tick is made of as many cycles of the crystal as fit. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"

#define WATCHDOG(offset) NASC_REGISTER(0x40058000u + (offset))
#define PSM_WDSEL NASC_REGISTER(0x40010008u) /* "Power-On State Machine" */

enum { CONTROL = 0x00, LOAD = 0x04, TICK = 0x2C };
enum { ENABLE = 1 << 30, TICK_CYCLES = 500, TICK_ENABLE = 1 << 9, LOST_AT_A_TICK = 2 };

#define LONGEST 0x00FFFFFFu
#define LOADED (NASC_CLOCK_HZ / TICK_CYCLES * LOST_AT_A_TICK * NASC_WATCHDOG_S)
#define TRIGGER (1u << 31)
#define ALL_BUT_OSCILLATORS 0x0001FFFCu

typedef char counter_holds_it[LOADED <= LONGEST ? 1 : -1];

void nasc_watchdog_start(void)
{
    PSM_WDSEL = ALL_BUT_OSCILLATORS;
    WATCHDOG(TICK) = TICK_CYCLES | TICK_ENABLE;
    nasc_port_feed();
    WATCHDOG(CONTROL) |= ENABLE;
}

void nasc_port_feed(void)
{
    WATCHDOG(LOAD) = LOADED;
}

void nasc_port_reset(void)
{
    PSM_WDSEL = ALL_BUT_OSCILLATORS;
    WATCHDOG(CONTROL) = TRIGGER;
    for (;;) {
    }
}
