/* System counter of Arm's SSE-300 (Arm 101773, "System counter"): 64 bits, of which the lower 32 are used. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"

#define CONTROL NASC_REGISTER(0x58100000u)
#define VALUE NASC_REGISTER(0x58101000u)

void nasc_time_start(void)
{
    CONTROL = 1;
}

uint32_t nasc_port_now(void)
{
    return VALUE;
}

const char *nasc_port_time_source(void)
{
    return "sse300-counter";
}

uint8_t nasc_port_time_unit(void)
{
    return NASC_UNIT_TICKS;
}

uint32_t nasc_port_time_hz(void)
{
    return NASC_CLOCK_HZ;
}
