/* UART0 of the nRF52840 (product specification, "UART") at pins P0.06 and P0.08, which the nRF52840-DK
 * connects to its debugger. Not UARTE: that one hands bytes over only when a buffer is full. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/ring.h"
#include "ports/wait.h"

#define UART(offset) NASC_REGISTER(0x40002000u + (offset))
#define GPIO(offset) NASC_REGISTER(0x50000000u + (offset)) /* P0: "GPIO" */

enum { START_RECEIVING = 0x000, START_SENDING = 0x008, RECEIVED = 0x108, SENT = 0x11C, INTERRUPTS = 0x304 };
enum { ENABLE = 0x500, RTS_PIN = 0x508, TX_PIN = 0x50C, CTS_PIN = 0x510, RX_PIN = 0x514, DATA = 0x518 };
enum { TO_SEND = 0x51C, BAUD = 0x524, CONFIGURATION = 0x56C };
enum { GPIO_SET = 0x508, GPIO_OUTPUT = 0x518, GPIO_PIN = 0x700 };
enum { TX = 6, RX = 8, ENABLED = 4, RECEIVED_INTERRUPT = 1 << 2 };

/* "BAUDRATE": only the values that it lists. The next one, of 460800, is 2.1 % off. */
enum { BAUD_115200 = 0x01D7E000, BAUD_230400 = 0x03AFB000 };

#define NOT_CONNECTED UINT32_MAX

typedef char baud_is_one_of_these[NASC_BAUD == 115200 || NASC_BAUD == 230400 ? 1 : -1];

void nasc_serial_start(void)
{
    GPIO(GPIO_SET) = 1u << TX;
    GPIO(GPIO_OUTPUT) = 1u << TX;
    GPIO(GPIO_PIN + 4 * RX) = 0; /* an input, connected */
    UART(TX_PIN) = TX;
    UART(RX_PIN) = RX;
    UART(RTS_PIN) = NOT_CONNECTED;
    UART(CTS_PIN) = NOT_CONNECTED;
    UART(CONFIGURATION) = 0; /* no parity, no flow control */
    UART(BAUD) = NASC_BAUD == 115200 ? BAUD_115200 : BAUD_230400;
    UART(ENABLE) = ENABLED;
    UART(RECEIVED) = 0;
    UART(INTERRUPTS) = RECEIVED_INTERRUPT;
    UART(START_RECEIVING) = 1;
    UART(START_SENDING) = 1;
    nasc_irq_enable(NASC_UART_IRQ);
}

/* The event is raised once for each byte of the queue of six; it is cleared before the byte is read. */
NASC_IN_RAM void nasc_uart_handler(void)
{
    while (UART(RECEIVED)) {
        UART(RECEIVED) = 0;
        nasc_ring_put((uint8_t)UART(DATA));
    }
}

void nasc_port_send(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t place = 0; place < count; place++) {
        UART(SENT) = 0;
        UART(TO_SEND) = bytes[place];
        if (!nasc_wait(&UART(SENT), 1, 1, NASC_SEND_POLLS)) {
            return;
        }
    }
}
