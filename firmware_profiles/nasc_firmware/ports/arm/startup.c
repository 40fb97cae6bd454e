/* Start-up of every Cortex-M board: memory, coprocessors, main. */
#include <stdint.h>

#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"

extern uint32_t nasc_data_load, nasc_data_start, nasc_data_end, nasc_bss_start, nasc_bss_end, nasc_stack_top;

int main(void);
void nasc_reset_handler(void);
void nasc_fault_handler(void);
void nasc_idle_handler(void);

typedef union {
    uint32_t *stack;
    void (*handler)(void);
} vector_t;

/* Stack pointer, the system exceptions, and the one peripheral that may interrupt. */
#ifdef NASC_UART_IRQ
enum { SYSTEM_VECTORS = 16, VECTORS = SYSTEM_VECTORS + NASC_UART_IRQ + 1 };
#else
enum { VECTORS = 16 };
#endif

__attribute__((section(".vectors"), used)) static const vector_t vectors[VECTORS] = {
    {.stack = &nasc_stack_top},
    {.handler = nasc_reset_handler},
    {.handler = nasc_fault_handler}, /* NMI */
    {.handler = nasc_fault_handler}, /* hard fault */
    {.handler = nasc_fault_handler}, /* memory management */
    {.handler = nasc_fault_handler}, /* bus */
    {.handler = nasc_fault_handler}, /* usage */
    {.handler = nasc_fault_handler}, /* secure, from Armv8-M on */
    {.stack = 0},
    {.stack = 0},
    {.stack = 0},
    {.handler = nasc_idle_handler}, /* SVCall */
    {.handler = nasc_idle_handler}, /* debug monitor */
    {.stack = 0},
    {.handler = nasc_idle_handler}, /* PendSV */
    {.handler = nasc_tick_handler}, /* SysTick */
#ifdef NASC_UART_IRQ
    [SYSTEM_VECTORS + NASC_UART_IRQ] = {.handler = nasc_uart_handler},
#endif
};

#ifdef NASC_UART_IRQ
/* Where an interrupt finds its handler while flash cannot be read. VTOR wants a power of two above the table's size. */
static vector_t vectors_in_ram[VECTORS] __attribute__((aligned(256)));

static void move_vectors(void)
{
    for (uint32_t number = 0; number < VECTORS; number++) {
        vectors_in_ram[number] = vectors[number];
    }
    NASC_VTOR = (uint32_t)(uintptr_t)vectors_in_ram;
    __asm__ volatile("dsb\n isb" ::: "memory");
}
#else
static void move_vectors(void)
{
}
#endif

void nasc_reset_handler(void)
{
    const uint32_t *from = &nasc_data_load;
#if __ARM_ARCH >= 7
    NASC_CPACR |= 0xFu << 20; /* FPU and MVE, where there are any */
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
    nasc_chip_start();
    for (uint32_t *to = &nasc_data_start; to < &nasc_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &nasc_bss_start; to < &nasc_bss_end; to++) {
        *to = 0;
    }
    move_vectors();
    (void)main();
    nasc_fault_handler();
}

/* A fault is a bug or broken hardware: start again, with the head that was committed. */
void nasc_fault_handler(void)
{
    nasc_port_reset();
}

void nasc_idle_handler(void)
{
}

/* Of boards that do not extend SysTick, or that need nothing before memory is used. */
__attribute__((weak)) void nasc_tick_handler(void)
{
}

__attribute__((weak)) void nasc_chip_start(void)
{
}
