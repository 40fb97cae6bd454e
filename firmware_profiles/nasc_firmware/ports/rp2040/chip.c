/* Clock and resets of the RP2040 (data sheet, "Subsystem Resets", "Clocks", "Crystal Oscillator (XOSC)"). The core runs
 * at the crystal's 12 MHz, without a PLL: the oscillator that the boot ROM leaves is too far off for a serial line. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/wait.h"

#define RESETS_RESET_CLEAR NASC_REGISTER(0x4000F000u) /* by its alias that clears bits, "Atomic Register Access" */
#define RESETS_DONE NASC_REGISTER(0x4000C008u)
#define XOSC_CTRL NASC_REGISTER(0x40024000u)
#define XOSC_STATUS NASC_REGISTER(0x40024004u)
#define XOSC_STARTUP NASC_REGISTER(0x4002400Cu)
#define CLK_REF_CTRL NASC_REGISTER(0x40008030u)
#define CLK_REF_SELECTED NASC_REGISTER(0x40008038u)
#define CLK_SYS_CTRL NASC_REGISTER(0x4000803Cu)
#define CLK_SYS_SELECTED NASC_REGISTER(0x40008044u)
#define CLK_PERI_CTRL NASC_REGISTER(0x40008048u)

enum { IO_BANK0 = 1 << 5, PADS_BANK0 = 1 << 8, UART0 = 1 << 22 };
enum { XOSC_ENABLE = 0xFAB << 12, XOSC_1_TO_15_MHZ = 0xAA0, XOSC_STARTUP_DELAY = 282 /* 6 ms, times 256 cycles */ };
enum { REF_FROM_XOSC = 2, PERI_ENABLE = 1 << 11, SELECTED_XOSC = 1 << 2, SELECTED_REF = 1 << 0 };
enum { CRYSTAL_MS = 100, SWITCH_MS = 1, RESET_MS = 1 };

#define XOSC_STABLE (1u << 31)

/* Without a crystal that swings, the core stays where it is: a switch to a dead clock would stop it. */
static void clock_from_crystal(void)
{
    XOSC_STARTUP = XOSC_STARTUP_DELAY;
    XOSC_CTRL = XOSC_ENABLE | XOSC_1_TO_15_MHZ;
    if (nasc_wait(&XOSC_STATUS, XOSC_STABLE, XOSC_STABLE, NASC_POLLS(CRYSTAL_MS))) {
        CLK_REF_CTRL = REF_FROM_XOSC;
        (void)nasc_wait(&CLK_REF_SELECTED, SELECTED_XOSC, SELECTED_XOSC, NASC_POLLS(SWITCH_MS));
    }
}

void nasc_chip_start(void)
{
    const uint32_t used = IO_BANK0 | PADS_BANK0 | UART0;
    clock_from_crystal();
    CLK_SYS_CTRL = 0; /* from the reference clock */
    (void)nasc_wait(&CLK_SYS_SELECTED, SELECTED_REF, SELECTED_REF, NASC_POLLS(SWITCH_MS));
    CLK_PERI_CTRL = PERI_ENABLE; /* from the system clock */
    RESETS_RESET_CLEAR = used;
    (void)nasc_wait(&RESETS_DONE, used, used, NASC_POLLS(RESET_MS));
}
