/* Timer of Arm's CMSDK (Arm DDI 0479D, 4.2): 32 bits, counting down at the system's clock. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"

#define TIMER(offset) NASC_REGISTER(NASC_TIMER + (offset))

enum { CONTROL = 0x0, VALUE = 0x4, RELOAD = 0x8, CONTROL_ENABLE = 1 };

void nasc_time_start(void)
{
    TIMER(CONTROL) = 0;
    TIMER(RELOAD) = UINT32_MAX;
    TIMER(VALUE) = UINT32_MAX;
    TIMER(CONTROL) = CONTROL_ENABLE;
}

uint32_t nasc_port_now(void)
{
    return UINT32_MAX - TIMER(VALUE);
}

const char *nasc_port_time_source(void)
{
    return "cmsdk-timer";
}

uint8_t nasc_port_time_unit(void)
{
    return NASC_UNIT_TICKS;
}

uint32_t nasc_port_time_hz(void)
{
    return NASC_CLOCK_HZ;
}
