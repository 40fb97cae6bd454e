/* Reset by software, the same on every Cortex-M. */
#include "port.h"
#include "ports/arm/registers.h"

void nasc_port_reset(void)
{
    NASC_AIRCR = NASC_AIRCR_RESET;
    for (;;) {
    }
}
