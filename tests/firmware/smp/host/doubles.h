/* What the tests see of the doubles of store.h, head.h and port.h. */
#ifndef DOUBLES_H
#define DOUBLES_H

#include <stdint.h>

enum { CAPACITY = 256 * 1024, INPUT_BYTES = 3000, OUTPUT_BYTES = 1000 };

/* Power off and on: an upload that is not complete is lost, committed plans stay. */
void doubles_restart(void);

/* The active plan, or NULL. */
const uint8_t *doubles_active(uint32_t *bytes);

#endif
