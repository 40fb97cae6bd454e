#include "ports/ring.h"

#include "port.h"
#include "ports/parts.h"
#include "smp/server.h"

/* One of the window's packets is being worked on, the others arrive meanwhile; and a little more, for a host that asks
 * again. */
enum { MORE_BYTES = 64, RING_BYTES = (NASC_SMP_WINDOW - 1) * NASC_FRAME_BUFFER_BYTES + MORE_BYTES };

static volatile uint8_t ring[RING_BYTES];
static volatile uint32_t written; /* by the interrupt only */
static volatile uint32_t taken;   /* by nasc_port_receive only */

NASC_IN_RAM void nasc_ring_put(uint8_t byte)
{
    uint32_t next = written + 1 < RING_BYTES ? written + 1 : 0;
    if (next != taken) {
        ring[written] = byte;
        written = next;
    }
}

uint32_t nasc_port_receive(uint8_t *bytes, uint32_t most)
{
    uint32_t count = 0;
    while (count < most && taken != written) {
        bytes[count++] = ring[taken];
        taken = taken + 1 < RING_BYTES ? taken + 1 : 0;
    }
    return count;
}
