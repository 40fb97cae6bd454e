/* Watchdog of the nRF52840 (product specification, "WDT"), at 32768 Hz. Only a reset ends it. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"

#define WATCHDOG(offset) NASC_REGISTER(0x40010000u + (offset))

enum { START = 0x000, RELOAD = 0x504, REQUESTS = 0x508, CONFIGURATION = 0x50C, REQUEST_0 = 0x600 };
enum { COUNTER_HZ = 32768, FIRST_REQUEST = 1, ASLEEP_TOO = 1 };

#define REQUEST_KEY 0x6E524635u

void nasc_watchdog_start(void)
{
    WATCHDOG(CONFIGURATION) = ASLEEP_TOO; /* but not while a debugger halts the core */
    WATCHDOG(RELOAD) = COUNTER_HZ * NASC_WATCHDOG_S;
    WATCHDOG(REQUESTS) = FIRST_REQUEST;
    WATCHDOG(START) = 1;
}

void nasc_port_feed(void)
{
    WATCHDOG(REQUEST_0) = REQUEST_KEY;
}
