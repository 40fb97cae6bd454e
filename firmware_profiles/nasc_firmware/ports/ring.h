/* What an interrupt received and nobody has asked for yet. Serial parts that use it need no nasc_port_receive. */
#ifndef NASC_PORTS_RING_H
#define NASC_PORTS_RING_H

#include <stdint.h>

/* From the interrupt's handler; a byte that finds no room is lost, and the host sends its packet again. */
void nasc_ring_put(uint8_t byte);

#endif
