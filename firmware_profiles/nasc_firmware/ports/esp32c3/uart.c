/* UART0 of the ESP32-C3 (technical reference manual, "UART Controller") at GPIO 20 and 21, which the ROM has connected
 * already; clocked by the crystal. Its interrupt is line 5 of the core ("Interrupt Matrix"). The chip's own USB port is
 * not used. */
#include "port.h"
#include "ports/esp32c3/registers.h"
#include "ports/parts.h"
#include "ports/ring.h"
#include "ports/wait.h"

#define UART(offset) NASC_REGISTER(0x60000000u + (offset))
#define MATRIX(offset) NASC_REGISTER(0x600C2000u + (offset))

enum { QUEUE = 0x00, INTERRUPTS = 0x0C, INTERRUPT_CLEAR = 0x10, DIVIDER = 0x14, STATUS = 0x1C, CONFIGURATION_1 = 0x24 };
enum { CLOCK = 0x78, CLOCK_FRACTION_BITS = 0x000FFFFF, CLOCK_SOURCE = 3 << 20, CLOCK_CRYSTAL = 3 << 20 };
enum { RECEIVED = 1 << 0, RECEIVED_AT_LEAST = 0x1FF, COUNT = 0x3FF, SENDING = COUNT << 16 };
enum { FSM = 0x6C, FSM_SENDING = 0xF << 4 };
enum { HALF_FULL = 0x3C0 << 16 }; /* the count's bits from 64 on; the queue has 128 bytes */
enum { LINE = 5, MAP_UART0 = 0x54, ENABLE = 0x104, TYPE = 0x108, PRIORITY = 0x114, THRESHOLD = 0x194 };
enum { MSTATUS_MIE = 1 << 3 };

void nasc_serial_start(void)
{
    uint32_t divider_16 = (16 * NASC_UART_CLOCK_HZ + NASC_BAUD / 2) / NASC_BAUD;
    UART(CLOCK) = (UART(CLOCK) & ~(uint32_t)(CLOCK_FRACTION_BITS | CLOCK_SOURCE)) | CLOCK_CRYSTAL;
    UART(DIVIDER) = divider_16 / 16 | divider_16 % 16 << 20;
    UART(CONFIGURATION_1) = (UART(CONFIGURATION_1) & ~(uint32_t)RECEIVED_AT_LEAST) | 1;
    UART(INTERRUPT_CLEAR) = UINT32_MAX;
    UART(INTERRUPTS) = RECEIVED;
    MATRIX(MAP_UART0) = LINE;
    MATRIX(TYPE) &= ~(1u << LINE); /* by level */
    MATRIX(PRIORITY + 4 * LINE) = 1;
    MATRIX(THRESHOLD) = 1;
    MATRIX(ENABLE) = 1u << LINE; /* no other */
    __asm__ volatile("csrs mstatus, %0" ::"r"(MSTATUS_MIE));
}

void nasc_uart_handler(void)
{
    while (UART(STATUS) & COUNT) {
        nasc_ring_put((uint8_t)UART(QUEUE));
    }
    UART(INTERRUPT_CLEAR) = RECEIVED;
}

void nasc_port_send(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t place = 0; place < count; place++) {
        if (!nasc_wait(&UART(STATUS), HALF_FULL, 0, NASC_SEND_POLLS)) {
            return;
        }
        UART(QUEUE) = bytes[place];
    }
    /* The queue is empty, and so is the transmitter (UART_FSM_STATUS_REG, UART_ST_UTX_OUT). */
    (void)nasc_wait(&UART(STATUS), SENDING, 0, NASC_SEND_POLLS);
    (void)nasc_wait(&UART(FSM), FSM_SENDING, 0, NASC_SEND_POLLS);
}
