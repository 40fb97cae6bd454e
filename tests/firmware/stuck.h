/* Goes before a port's source on this machine: every register reads as one word, whatever was written to it, and the
 * core has no instructions of its own. Headers come first, for they need their words as they are. */
#ifndef NASC_TEST_STUCK_H
#define NASC_TEST_STUCK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/arm/registers.h"
#include "ports/esp32c3/registers.h"

volatile uint32_t *stuck_register(uintptr_t address);
extern volatile uint8_t stuck_bytes[16]; /* of parts that address single bytes */

#undef NASC_REGISTER
#define NASC_REGISTER(address) (*stuck_register(address))
#define __asm__
#define volatile(...)

#endif
