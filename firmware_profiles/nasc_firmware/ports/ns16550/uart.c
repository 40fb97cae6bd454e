/* UART of the 16550 kind (PC16550D data sheet, 8.0 "Registers"), polled: it queues 16 bytes, and the emulator waits
 * until they were taken. NASC_UART_STRIDE is the distance of its registers in bytes. */
#include "port.h"
#include "ports/parts.h"
#include "ports/wait.h"

#define UART(number) (*(volatile uint8_t *)(uintptr_t)(NASC_UART + (number) * NASC_UART_STRIDE))

enum {
    DATA = 0,
    INTERRUPTS = 1,
    QUEUE = 2,
    LINE = 3,
    LINE_STATE = 5,
    DIVISOR_LOW = 0,  /* where LINE_DIVISOR is set */
    DIVISOR_HIGH = 1, /* there too */
    QUEUE_ENABLE = 7, /* and empty both */
    LINE_8N1 = 3,
    LINE_DIVISOR = 0x80,
    STATE_RECEIVED = 1 << 0,
    STATE_CAN_SEND = 1 << 5
};

void nasc_serial_start(void)
{
    uint32_t divisor = (NASC_UART_CLOCK_HZ + 8 * NASC_BAUD) / (16 * NASC_BAUD);
    UART(INTERRUPTS) = 0;
    UART(LINE) = LINE_8N1 | LINE_DIVISOR;
    UART(DIVISOR_LOW) = (uint8_t)divisor;
    UART(DIVISOR_HIGH) = (uint8_t)(divisor >> 8);
    UART(LINE) = LINE_8N1;
    UART(QUEUE) = QUEUE_ENABLE;
}

uint32_t nasc_port_receive(uint8_t *bytes, uint32_t most)
{
    uint32_t count = 0;
    while (count < most && (UART(LINE_STATE) & STATE_RECEIVED)) {
        bytes[count++] = UART(DATA);
    }
    return count;
}

static bool can_send(void)
{
    uint32_t polls = NASC_SEND_POLLS;
    while (!(UART(LINE_STATE) & STATE_CAN_SEND)) {
        if (polls-- == 0) {
            return false;
        }
    }
    return true;
}

void nasc_port_send(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t place = 0; place < count && can_send(); place++) {
        UART(DATA) = bytes[place];
    }
}
