/* Waits that end: what a chip promises, it may break. */
#ifndef NASC_PORTS_WAIT_H
#define NASC_PORTS_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* As many polls as take at least so many milliseconds: none takes fewer than four cycles. */
#define NASC_POLLS(milliseconds) (NASC_CLOCK_HZ / 4000u * (milliseconds))

/* Longer than any byte, or queue of bytes, takes to leave. */
#define NASC_SEND_POLLS NASC_POLLS(2000u)

/* Whether the masked bits became what is wanted. Inlined, for some callers run where flash cannot be read. */
static inline __attribute__((always_inline)) bool nasc_wait(const volatile uint32_t *place, uint32_t mask,
                                                            uint32_t wanted, uint32_t polls)
{
    while ((*place & mask) != wanted) {
        if (polls-- == 0) {
            return false;
        }
    }
    return true;
}

#endif
