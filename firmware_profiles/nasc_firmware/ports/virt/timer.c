/* Machine timer of QEMU's riscv32 "virt" (its CLINT: SiFive FU540-C000 manual, "Core-Local Interruptor", mtime): 64
 * bits at 10 MHz, of which the lower 32 are used. */
#include "port.h"
#include "ports/parts.h"

#define MTIME (*(volatile uint32_t *)(uintptr_t)0x0200BFF8u)

enum { MTIME_HZ = 10000000 };

void nasc_time_start(void)
{
}

uint32_t nasc_port_now(void)
{
    return MTIME;
}

const char *nasc_port_time_source(void)
{
    return "clint-mtime";
}

uint8_t nasc_port_time_unit(void)
{
    return NASC_UNIT_TICKS;
}

uint32_t nasc_port_time_hz(void)
{
    return MTIME_HZ;
}
