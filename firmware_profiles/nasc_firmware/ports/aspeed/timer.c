/* First timer of Aspeed's chips (AST1030 data sheet, "Timer Controller"): 32 bits, counting down at the peripherals'
 * clock. No interrupt is needed to extend it, so nothing disturbs what it measures. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"

#define TIMER(offset) NASC_REGISTER(NASC_TIMER + (offset))

enum { VALUE = 0x00, RELOAD = 0x04, CONTROL = 0x30, CLEAR_CONTROL = 0x3C, CONTROL_ENABLE = 1, CONTROL_FIRST = 0xF };

void nasc_time_start(void)
{
    TIMER(CLEAR_CONTROL) = CONTROL_FIRST;
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
    return "aspeed-timer";
}

uint8_t nasc_port_time_unit(void)
{
    return NASC_UNIT_TICKS;
}

uint32_t nasc_port_time_hz(void)
{
    return NASC_TIMER_HZ;
}
