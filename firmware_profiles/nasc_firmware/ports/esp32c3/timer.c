/* Cycles of the ESP32-C3 (technical reference manual, "ESP-RISC-V CPU": mpcer, mpcmr, mpccr): a counter of its own, for
 * it has no mcycle. */
#include "port.h"
#include "ports/parts.h"

void nasc_time_start(void)
{
    __asm__ volatile("csrw 0x7E0, %0\n" /* mpcer: count cycles */
                     "csrw 0x7E1, %0\n" /* mpcmr: count */
                     "csrw 0x7E2, zero" /* mpccr */
                     ::"r"(1));
}

uint32_t nasc_port_now(void)
{
    uint32_t cycles;
    __asm__ volatile("csrr %0, 0x7E2" : "=r"(cycles));
    return cycles;
}

const char *nasc_port_time_source(void)
{
    return "mpccr";
}

uint8_t nasc_port_time_unit(void)
{
    return NASC_UNIT_CYCLES;
}

uint32_t nasc_port_time_hz(void)
{
    return NASC_CLOCK_HZ;
}
