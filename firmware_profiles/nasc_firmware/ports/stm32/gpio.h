/* GPIO of the STM32 families (RM0390 for F4, RM0433 for H7, "GPIO registers": the same ones). */
#ifndef NASC_PORTS_STM32_GPIO_H
#define NASC_PORTS_STM32_GPIO_H

#include <stdint.h>

#include "ports/arm/registers.h"

/* Gives a pin to a peripheral; `function` is as in the data sheet's table of alternate functions. */
static inline void nasc_pin_alternate(uint32_t gpio, uint32_t pin, uint32_t function)
{
    volatile uint32_t *mode = &NASC_REGISTER(gpio + 0x00);                  /* GPIOx_MODER */
    volatile uint32_t *alternate = &NASC_REGISTER(gpio + 0x20 + pin / 8 * 4); /* GPIOx_AFRL, AFRH */
    *alternate = (*alternate & ~(0xFu << pin % 8 * 4)) | function << pin % 8 * 4;
    *mode = (*mode & ~(3u << pin * 2)) | 2u << pin * 2;
}

#endif
