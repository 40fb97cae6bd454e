/* Unique device ID, 96 bits (RM0390 and RM0433, "Device electronic signature"). */
#include <string.h>

#include "ports/parts.h"

enum { ID_BYTES = 12 };

void nasc_chip_id(uint8_t id[ID_BYTES])
{
    memcpy(id, (const void *)(uintptr_t)NASC_UNIQUE_ID, ID_BYTES);
}
