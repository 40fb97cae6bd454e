/* System registers that all Cortex-M have (Armv6-M, Armv7-M and Armv8-M architecture reference manuals, "System Control
 * Space"). */
#ifndef NASC_PORTS_ARM_REGISTERS_H
#define NASC_PORTS_ARM_REGISTERS_H

#include <stdint.h>

#define NASC_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define NASC_ICSR NASC_REGISTER(0xE000ED04u)
#define NASC_ICSR_TICK_PENDING (1u << 26)
#define NASC_ICSR_CLEAR_TICK (1u << 25)
#define NASC_VTOR NASC_REGISTER(0xE000ED08u)
#define NASC_AIRCR NASC_REGISTER(0xE000ED0Cu)
#define NASC_AIRCR_RESET (0x05FA0000u | (1u << 2)) /* key, SYSRESETREQ */
#define NASC_CCR NASC_REGISTER(0xE000ED14u)
#define NASC_CPACR NASC_REGISTER(0xE000ED88u)

#define NASC_SYSTICK_CONTROL NASC_REGISTER(0xE000E010u)
#define NASC_SYSTICK_WITH_INTERRUPT 7u /* on, interrupt, the core's clock */
#define NASC_SYSTICK_RELOAD NASC_REGISTER(0xE000E014u)

static inline void nasc_irq_enable(uint32_t irq)
{
    NASC_REGISTER(0xE000E100u + irq / 32 * 4) = 1u << irq % 32; /* NVIC_ISER */
}

static inline void nasc_irq_forget(uint32_t irq)
{
    NASC_REGISTER(0xE000E280u + irq / 32 * 4) = 1u << irq % 32; /* NVIC_ICPR */
}

#endif
