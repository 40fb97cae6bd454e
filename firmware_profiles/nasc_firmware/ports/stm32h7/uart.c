/* USART3 of the STM32H743 (RM0433, "USART registers") at pins PD8 and PD9, which Nucleo-144 boards connect to the
 * ST-LINK. Its clock is HSI, 64 MHz, by way of APB1, as reset leaves it (RM0433, "Clocks"). */
#include "port.h"
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/ring.h"
#include "ports/stm32/gpio.h"
#include "ports/wait.h"

#define RCC_AHB4ENR NASC_REGISTER(0x580244E0u)  /* RM0433, "RCC register description" */
#define RCC_APB1LENR NASC_REGISTER(0x580244E8u)
#define GPIOD 0x58020C00u
#define UART(offset) NASC_REGISTER(0x40004800u + (offset))

enum { CONTROL_1 = 0x00, BAUD = 0x0C, STATUS = 0x1C, CLEAR = 0x20, RECEIVED = 0x24, TO_SEND = 0x28 };
enum { STATUS_OVERRUN = 1 << 3, STATUS_RECEIVED = 1 << 5, STATUS_SENT = 1 << 6, STATUS_CAN_SEND = 1 << 7 };
enum { ENABLE = 1 << 0, RECEIVE = 1 << 2, SEND = 1 << 3, RECEIVE_INTERRUPT = 1 << 5 };
enum { GPIOD_CLOCK = 1 << 3, USART3_CLOCK = 1 << 18, TX_PIN = 8, RX_PIN = 9, USART3_FUNCTION = 7 };

void nasc_serial_start(void)
{
    RCC_AHB4ENR |= GPIOD_CLOCK;
    RCC_APB1LENR |= USART3_CLOCK;
    (void)RCC_APB1LENR; /* a clock runs two cycles after it was enabled */
    nasc_pin_alternate(GPIOD, TX_PIN, USART3_FUNCTION);
    nasc_pin_alternate(GPIOD, RX_PIN, USART3_FUNCTION);
    UART(BAUD) = (NASC_CLOCK_HZ + NASC_BAUD / 2) / NASC_BAUD;
    UART(CONTROL_1) = ENABLE | SEND | RECEIVE | RECEIVE_INTERRUPT;
    nasc_irq_enable(NASC_UART_IRQ);
}

NASC_IN_RAM void nasc_uart_handler(void)
{
    uint32_t status = UART(STATUS);
    if (status & STATUS_RECEIVED) {
        nasc_ring_put((uint8_t)UART(RECEIVED));
    }
    UART(CLEAR) = STATUS_OVERRUN; /* it would interrupt for ever */
}

void nasc_port_send(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t place = 0; place < count; place++) {
        if (!nasc_wait(&UART(STATUS), STATUS_CAN_SEND, STATUS_CAN_SEND, NASC_SEND_POLLS)) {
            return;
        }
        UART(TO_SEND) = bytes[place];
    }
    (void)nasc_wait(&UART(STATUS), STATUS_SENT, STATUS_SENT, NASC_SEND_POLLS);
}
