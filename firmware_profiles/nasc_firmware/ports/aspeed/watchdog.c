/* First watchdog of Aspeed's chips (AST1030 data sheet, "Watchdog Timer"): it counts down at 1 MHz. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"

#define WATCHDOG(offset) NASC_REGISTER(NASC_WATCHDOG + (offset))

enum { RELOAD = 0x04, RESTART = 0x08, CONTROL = 0x0C, COUNTER_HZ = 1000000, RESTART_KEY = 0x4755 };
enum { ENABLE = 1 << 0, RESET_SYSTEM = 1 << 1 };

void nasc_watchdog_start(void)
{
    WATCHDOG(RELOAD) = COUNTER_HZ * NASC_WATCHDOG_S;
    WATCHDOG(RESTART) = RESTART_KEY;
    WATCHDOG(CONTROL) = ENABLE | RESET_SYSTEM;
}

void nasc_port_feed(void)
{
    WATCHDOG(RESTART) = RESTART_KEY;
}
