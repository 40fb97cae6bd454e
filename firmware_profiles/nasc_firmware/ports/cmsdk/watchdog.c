/* Watchdog of Arm's CMSDK (Arm DDI 0479D, 4.5), at the system's clock. The first time that it runs out it raises the
 * NMI, whose handler resets the board; a core that does not get there is reset the second time. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"

#define WATCHDOG(offset) NASC_REGISTER(NASC_WATCHDOG + (offset))

enum { LOAD = 0x000, CONTROL = 0x008, CLEAR = 0x00C, LOCK = 0xC00, INTERRUPT_AND_RESET = 3 };

#define UNLOCK 0x1ACCE551u

void nasc_watchdog_start(void)
{
    WATCHDOG(LOCK) = UNLOCK;
    WATCHDOG(LOAD) = NASC_CLOCK_HZ * NASC_WATCHDOG_S;
    WATCHDOG(CONTROL) = INTERRUPT_AND_RESET;
}

/* Clearing the interrupt loads the counter anew. */
void nasc_port_feed(void)
{
    WATCHDOG(CLEAR) = 1;
}
