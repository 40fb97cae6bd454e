/* How the ESP32-C3 is addressed (technical reference manual, "Modules/Peripherals"). */
#ifndef NASC_PORTS_ESP32C3_REGISTERS_H
#define NASC_PORTS_ESP32C3_REGISTERS_H

#include <stdint.h>

#define NASC_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#endif
