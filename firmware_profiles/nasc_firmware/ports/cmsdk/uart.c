/* UART of Arm's CMSDK (Arm DDI 0479D, 4.3). It holds one byte, and the emulator waits until it was taken: so it is
 * polled. Without a byte the core sleeps, for a millisecond at most: an emulated one that spins takes a whole processor.
 * Interrupts only wake it; PRIMASK keeps them from being taken (Armv7-M architecture reference manual, WFI). */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/wait.h"

#define UART(offset) NASC_REGISTER(NASC_UART + (offset))

enum {
    DATA = 0x0,
    STATE = 0x4,
    CONTROL = 0x8,
    INTERRUPT = 0xC,
    DIVIDER = 0x10,
    STATE_SENDING = 1 << 0,
    STATE_RECEIVED = 1 << 1,
    CONTROL_SEND_AND_RECEIVE = 3,
    CONTROL_INTERRUPT_WHEN_RECEIVED = 1 << 3,
    INTERRUPT_RECEIVED = 1 << 1,
    MILLISECONDS = 1000
};

void nasc_serial_start(void)
{
    UART(DIVIDER) = NASC_CLOCK_HZ / NASC_BAUD;
    UART(CONTROL) = CONTROL_SEND_AND_RECEIVE | CONTROL_INTERRUPT_WHEN_RECEIVED;
    __asm__ volatile("cpsid i");
    nasc_irq_enable(NASC_UART_RX_IRQ);
    NASC_SYSTICK_RELOAD = NASC_CLOCK_HZ / MILLISECONDS - 1;
    NASC_SYSTICK_CONTROL = NASC_SYSTICK_WITH_INTERRUPT;
}

static void wait_for_a_byte(void)
{
    __asm__ volatile("dsb\n wfi" ::: "memory");
    UART(INTERRUPT) = INTERRUPT_RECEIVED;
    nasc_irq_forget(NASC_UART_RX_IRQ);
    NASC_ICSR = NASC_ICSR_CLEAR_TICK;
}

uint32_t nasc_port_receive(uint8_t *bytes, uint32_t most)
{
    uint32_t count = 0;
    if (!(UART(STATE) & STATE_RECEIVED)) {
        wait_for_a_byte();
    }
    while (count < most && (UART(STATE) & STATE_RECEIVED)) {
        bytes[count++] = (uint8_t)UART(DATA);
    }
    return count;
}

void nasc_port_send(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t place = 0; place < count; place++) {
        if (!nasc_wait(&UART(STATE), STATE_SENDING, 0, NASC_SEND_POLLS)) {
            return;
        }
        UART(DATA) = bytes[place];
    }
}
