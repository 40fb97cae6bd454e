/* Start-up of every RISC-V board: stack, memory, traps, main. Machine mode only, one hart. */
#include <stdint.h>

#include "port.h"
#include "ports/parts.h"

extern uint32_t nasc_data_load, nasc_data_start, nasc_data_end, nasc_bss_start, nasc_bss_end;

int main(void);
void nasc_reset_handler(void);
void nasc_start(void);
void nasc_trap(void);
void nasc_trap_table(void);

__attribute__((naked, section(".start"))) void nasc_reset_handler(void)
{
    __asm__ volatile(".option push\n"
                     ".option norelax\n"
                     "la gp, __global_pointer$\n"
                     ".option pop\n"
                     "la sp, nasc_stack_top\n"
                     "j nasc_start\n");
}

/* The RISC-V Instruction Set Manual, volume II, 3.1.7: in vectored mode an interrupt goes to the table's entry of its
 * number, an exception to the first. Every entry is the same here, for the handler looks at mcause anyway. */
__attribute__((naked, aligned(256))) void nasc_trap_table(void)
{
    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     ".rept 32\n"
                     "j nasc_trap\n"
                     ".endr\n"
                     ".option pop\n");
}

enum { TRAP_VECTORED = 1 };

void nasc_start(void)
{
    const uint32_t *from = &nasc_data_load;
    __asm__ volatile("csrw mtvec, %0" ::"r"((uintptr_t)nasc_trap_table | TRAP_VECTORED));
    nasc_chip_start();
    for (uint32_t *to = &nasc_data_start; to < &nasc_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &nasc_bss_start; to < &nasc_bss_end; to++) {
        *to = 0;
    }
    (void)main();
    nasc_port_reset();
}

/* Boards that need nothing before memory is used, or that have no interrupts. */
__attribute__((weak)) void nasc_chip_start(void)
{
}

__attribute__((weak)) void nasc_uart_handler(void)
{
}

/* The UART is the only source of interrupts. An exception is a bug or broken hardware: start again, with the head that
 * was committed. */
__attribute__((interrupt)) void nasc_trap(void)
{
    int32_t cause;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if (cause >= 0) {
        nasc_port_reset();
    }
    nasc_uart_handler();
}
