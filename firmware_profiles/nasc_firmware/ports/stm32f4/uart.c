/* USART2 of the STM32F446 (RM0390, "USART registers") at pins PA2 and PA3, which Nucleo-64 boards connect to the
 * ST-LINK. Its clock is HSI, 16 MHz, as reset leaves it (RM0390, "Clocks"); flash needs no wait state then. */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/ring.h"
#include "ports/stm32/gpio.h"
#include "ports/wait.h"

#define RCC_AHB1ENR NASC_REGISTER(0x40023830u) /* RM0390, "RCC registers" */
#define RCC_APB1ENR NASC_REGISTER(0x40023840u)
#define GPIOA 0x40020000u
#define UART(offset) NASC_REGISTER(NASC_UART + (offset))

enum { STATUS = 0x00, DATA = 0x04, BAUD = 0x08, CONTROL_1 = 0x0C };
enum { STATUS_RECEIVED = 1 << 5, STATUS_SENT = 1 << 6, STATUS_CAN_SEND = 1 << 7 };
enum { RECEIVE = 1 << 2, SEND = 1 << 3, RECEIVE_INTERRUPT = 1 << 5, ENABLE = 1 << 13 };
enum { GPIOA_CLOCK = 1 << 0, USART2_CLOCK = 1 << 17, TX_PIN = 2, RX_PIN = 3, USART2_FUNCTION = 7 };

void nasc_serial_start(void)
{
    RCC_AHB1ENR |= GPIOA_CLOCK;
    RCC_APB1ENR |= USART2_CLOCK;
    (void)RCC_APB1ENR; /* a clock runs two cycles after it was enabled ("Peripheral clock enable register") */
    nasc_pin_alternate(GPIOA, TX_PIN, USART2_FUNCTION);
    nasc_pin_alternate(GPIOA, RX_PIN, USART2_FUNCTION);
    UART(BAUD) = (NASC_CLOCK_HZ + NASC_BAUD / 2) / NASC_BAUD;
    UART(CONTROL_1) = ENABLE | SEND | RECEIVE | RECEIVE_INTERRUPT;
    nasc_irq_enable(NASC_UART_IRQ);
}

/* Reading status, then data, also clears an overrun. */
NASC_IN_RAM void nasc_uart_handler(void)
{
    uint32_t status = UART(STATUS), data = UART(DATA);
    if (status & STATUS_RECEIVED) {
        nasc_ring_put((uint8_t)data);
    }
}

void nasc_port_send(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t place = 0; place < count; place++) {
        if (!nasc_wait(&UART(STATUS), STATUS_CAN_SEND, STATUS_CAN_SEND, NASC_SEND_POLLS)) {
            return;
        }
        UART(DATA) = bytes[place];
    }
    (void)nasc_wait(&UART(STATUS), STATUS_SENT, STATUS_SENT, NASC_SEND_POLLS);
}
