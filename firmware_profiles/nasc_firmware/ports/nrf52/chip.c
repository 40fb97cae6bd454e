/* Clock of the nRF52840 (product specification, "CLOCK"): 64 MHz in any case, from the crystal, since the
 * oscillator that reset leaves running is too far off for a serial line. Device ID: "FICR". */
#include <string.h>

#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/wait.h"

#define TASKS_HFCLKSTART NASC_REGISTER(0x40000000u)
#define EVENTS_HFCLKSTARTED NASC_REGISTER(0x40000100u)
#define DEVICE_ID 0x10000060u

enum { DEVICE_ID_BYTES = 8, CRYSTAL_MS = 100 };

void nasc_chip_start(void)
{
    EVENTS_HFCLKSTARTED = 0;
    TASKS_HFCLKSTART = 1;
    (void)nasc_wait(&EVENTS_HFCLKSTARTED, 1, 1, NASC_POLLS(CRYSTAL_MS));
}

void nasc_chip_id(uint8_t id[12])
{
    memcpy(id, (const void *)(uintptr_t)DEVICE_ID, DEVICE_ID_BYTES);
}
