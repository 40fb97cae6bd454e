/* Asks a port whose registers never change for something that waits for them: stuck-host WORD. */
#include <stdio.h>
#include <stdlib.h>

#include "port.h"
#include "ports/parts.h"
#include "ports/ring.h"

volatile uint8_t stuck_bytes[16];
uint8_t page[256];
static uint32_t stuck_word;

volatile uint32_t *stuck_register(uintptr_t address)
{
    static volatile uint32_t shown;
    (void)address;
    shown = stuck_word;
    return &shown;
}

void nasc_ring_put(uint8_t byte)
{
    (void)byte;
}

int main(int count, char **words)
{
    stuck_word = (uint32_t)strtoul(words[count - 1], NULL, 16);
    for (uint32_t place = 0; place < sizeof stuck_bytes; place++) {
        stuck_bytes[place] = (uint8_t)stuck_word;
    }
#ifdef TEST_STORE
    printf("%d %d\n", nasc_port_flash_erase(0), nasc_port_flash_program(0, page, sizeof page));
#elif defined TEST_SERIAL
    nasc_port_send(page, sizeof page);
    printf("sent\n");
#else
    nasc_chip_start();
    printf("started\n");
#endif
    return 0;
}
