/* Independent watchdog of the STM32 families (RM0390 and RM0433, "Independent watchdog"): 12 bits at 32 kHz by 256, so
 * it runs out after 32 s (17 to 47 kHz: 22 to 62 s). Only a reset ends it. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/wait.h"

#define WATCHDOG(offset) NASC_REGISTER(NASC_WATCHDOG + (offset))

enum { KEY = 0x00, PRESCALER = 0x04, RELOAD = 0x08, STATUS = 0x0C };
enum { KEY_FEED = 0xAAAA, KEY_UNLOCK = 0x5555, KEY_START = 0xCCCC, BY_256 = 6, LONGEST = 0xFFF };
enum { UPDATING = 3, UPDATE_MS = 100 };

void nasc_watchdog_start(void)
{
    WATCHDOG(KEY) = KEY_START; /* starts its oscillator, too */
    WATCHDOG(KEY) = KEY_UNLOCK;
    WATCHDOG(PRESCALER) = BY_256;
    WATCHDOG(RELOAD) = LONGEST;
    (void)nasc_wait(&WATCHDOG(STATUS), UPDATING, 0, NASC_POLLS(UPDATE_MS));
    nasc_port_feed();
}

void nasc_port_feed(void)
{
    WATCHDOG(KEY) = KEY_FEED;
}
