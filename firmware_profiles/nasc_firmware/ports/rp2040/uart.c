/* UART0 of the RP2040, a PL011 (data sheet, "UART"), at GPIO 0 and 1: pins 1 and 2 of a Pico, for a debug probe or a
 * USB adapter of 3.3 V. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/ring.h"
#include "ports/wait.h"

#define UART(offset) NASC_REGISTER(0x40034000u + (offset))
#define GPIO0_CTRL NASC_REGISTER(0x40014004u) /* "IO_BANK0" */
#define GPIO1_CTRL NASC_REGISTER(0x4001400Cu)

enum { DATA = 0x00, FLAGS = 0x18, DIVISOR = 0x24, FRACTION = 0x28, LINE = 0x2C, CONTROL = 0x30, INTERRUPTS = 0x38 };
enum { CLEAR = 0x44, FUNCTION_UART = 2 };
enum { FLAG_BUSY = 1 << 3, FLAG_NOTHING = 1 << 4, FLAG_FULL = 1 << 5 };
enum { LINE_8N1_QUEUED = 3 << 5 | 1 << 4, ENABLE = 1 << 0, SEND = 1 << 8, RECEIVE = 1 << 9 };
enum { RECEIVED = 1 << 4, RECEIVED_AND_SILENT = 1 << 6 };

void nasc_serial_start(void)
{
    uint32_t divisor_64 = (4 * NASC_CLOCK_HZ + NASC_BAUD / 2) / NASC_BAUD;
    UART(DIVISOR) = divisor_64 / 64;
    UART(FRACTION) = divisor_64 % 64;
    UART(LINE) = LINE_8N1_QUEUED;
    UART(CONTROL) = ENABLE | SEND | RECEIVE;
    UART(INTERRUPTS) = RECEIVED | RECEIVED_AND_SILENT;
    GPIO0_CTRL = FUNCTION_UART;
    GPIO1_CTRL = FUNCTION_UART;
    nasc_irq_enable(NASC_UART_IRQ);
}

void nasc_uart_handler(void)
{
    while (!(UART(FLAGS) & FLAG_NOTHING)) {
        nasc_ring_put((uint8_t)UART(DATA));
    }
    UART(CLEAR) = RECEIVED | RECEIVED_AND_SILENT;
}

void nasc_port_send(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t place = 0; place < count; place++) {
        if (!nasc_wait(&UART(FLAGS), FLAG_FULL, 0, NASC_SEND_POLLS)) {
            return;
        }
        UART(DATA) = bytes[place];
    }
    (void)nasc_wait(&UART(FLAGS), FLAG_BUSY, 0, NASC_SEND_POLLS);
}
