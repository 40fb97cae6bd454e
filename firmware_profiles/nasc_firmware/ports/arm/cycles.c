/* Cycles of a Cortex-M: DWT's counter where it counts, else SysTick, 24 bits, extended to 32 by its interrupt. A wrap
 * of SysTick is lost only when interrupts are masked for 2^24 cycles, and nothing here masks them. */
#include <stdbool.h>

#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"

/* Armv7-M architecture reference manual, C1.6.5, C1.8.7 and C1.8.8. */
#define DEMCR NASC_REGISTER(0xE000EDFCu)
#define DWT_CTRL NASC_REGISTER(0xE0001000u)
#define DWT_CYCCNT NASC_REGISTER(0xE0001004u)
#define DWT_LAR NASC_REGISTER(0xE0001FB0u) /* CoreSight's lock; the Cortex-M7 starts locked */
/* B3.3 */
#define SYST_CSR NASC_REGISTER(0xE000E010u)
#define SYST_RVR NASC_REGISTER(0xE000E014u)
#define SYST_CVR NASC_REGISTER(0xE000E018u)

#define DEMCR_TRCENA (1u << 24)
#define LAR_KEY 0xC5ACCE55u

enum { CYCCNTENA = 1, SYST_ENABLE_INTERRUPT_CORE_CLOCK = 7, SYST_BITS = 24, SYST_LAST = (1 << SYST_BITS) - 1 };
enum { PROBE_READS = 16 };

static bool has_dwt;
static volatile uint32_t wraps;

/* Cores without the counter, and emulators, read 0 for ever. Armv6-M has none to ask. */
static bool dwt_counts(void)
{
#if __ARM_ARCH >= 7
    uint32_t first;
    DEMCR |= DEMCR_TRCENA;
    DWT_LAR = LAR_KEY;
    DWT_CYCCNT = 0;
    DWT_CTRL |= CYCCNTENA;
    first = DWT_CYCCNT;
    for (uint32_t read = 0; read < PROBE_READS; read++) {
        if (DWT_CYCCNT != first) {
            return true;
        }
    }
#endif
    return false;
}

void nasc_time_start(void)
{
    has_dwt = dwt_counts();
    if (!has_dwt) {
        SYST_RVR = SYST_LAST;
        SYST_CVR = 0;
        SYST_CSR = SYST_ENABLE_INTERRUPT_CORE_CLOCK;
    }
}

NASC_IN_RAM void nasc_tick_handler(void)
{
    wraps++;
}

static uint32_t systick_now(void)
{
    uint32_t before, value;
    do {
        before = wraps;
        value = SYST_CVR;
    } while (before != wraps || (NASC_ICSR & NASC_ICSR_TICK_PENDING));
    return (before << SYST_BITS) + (SYST_LAST - value);
}

uint32_t nasc_port_now(void)
{
    return has_dwt ? DWT_CYCCNT : systick_now();
}

const char *nasc_port_time_source(void)
{
    return has_dwt ? "dwt-cyccnt" : "systick";
}

uint8_t nasc_port_time_unit(void)
{
    return NASC_UNIT_CYCLES;
}

uint32_t nasc_port_time_hz(void)
{
    return NASC_CLOCK_HZ;
}
