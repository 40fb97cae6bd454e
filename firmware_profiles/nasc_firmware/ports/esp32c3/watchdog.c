/* Watchdog of the ESP32-C3's first timer group (technical reference manual, "Watchdog Timers"): counts milliseconds of
 * the crystal, and resets the system in its first stage. */
#include "port.h"
#include "ports/esp32c3/registers.h"
#include "ports/parts.h"

#define WATCHDOG(offset) NASC_REGISTER(0x6001F000u + (offset))

enum { CONFIGURATION_0 = 0x48, CONFIGURATION_1 = 0x4C, STAGE_0 = 0x50, FEED = 0x60, KEY = 0x64 };
enum { PER_MS = NASC_CLOCK_HZ / 1000, PRESCALER_SHIFT = 16, PULSE_CORE = 7 << 18, PULSE_SYSTEM = 7 << 15 };
enum { BY_CRYSTAL = 1 << 21, UPDATE = 1 << 22 };

#define ENABLE (1u << 31)
#define STAGE_0_RESETS_SYSTEM (3u << 29)
#define KEY_VALUE 0x50D83AA1u

void nasc_watchdog_start(void)
{
    const uint32_t chosen = ENABLE | STAGE_0_RESETS_SYSTEM | PULSE_CORE | PULSE_SYSTEM | BY_CRYSTAL;
    WATCHDOG(KEY) = KEY_VALUE;
    WATCHDOG(CONFIGURATION_1) = (uint32_t)PER_MS << PRESCALER_SHIFT;
    WATCHDOG(STAGE_0) = 1000 * NASC_WATCHDOG_S;
    WATCHDOG(CONFIGURATION_0) = chosen;
    WATCHDOG(CONFIGURATION_0) = chosen | UPDATE; /* takes effect */
    WATCHDOG(FEED) = 1;
    WATCHDOG(KEY) = 0;
}

void nasc_port_feed(void)
{
    WATCHDOG(KEY) = KEY_VALUE;
    WATCHDOG(FEED) = 1;
    WATCHDOG(KEY) = 0;
}
