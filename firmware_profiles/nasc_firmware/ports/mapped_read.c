/* Reading a store whose flash lies in the address space. */
#include <string.h>

#include "port.h"

nasc_status_t nasc_port_flash_read(uint32_t offset, void *bytes, uint32_t count)
{
    memcpy(bytes, nasc_port_flash_map(offset, count), count);
    return NASC_OK;
}
