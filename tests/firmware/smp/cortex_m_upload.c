/* A serial part that has an upload in memory, where the emulator's loader put it, and gives it to the firmware through
 * the ring of hardware ports. At its end it says how many ticks the firmware took for each 1000 bytes, and leaves. */
#include "port.h"
#include "ports/parts.h"

#define nasc_port_receive take_from_ring
#include "ports/ring.c"
#undef nasc_port_receive
uint32_t nasc_port_receive(uint8_t *bytes, uint32_t most);

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026, DIGITS = 10 };

/* Of it: the bytes of all, and of the first frame, which erases. */
static const volatile uint32_t *const sizes = (const volatile uint32_t *)UPLOAD_AT;
static const volatile uint8_t *const upload = (const volatile uint8_t *)(UPLOAD_AT + 8);
static uint32_t given, answered, started;

static void semihosting(uint32_t operation, const void *block)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

static void leave(uint32_t number)
{
    const uint32_t exit_block[] = {APPLICATION_EXIT, 0};
    char text[DIGITS + 2] = "          \n";
    for (uint32_t place = DIGITS; place > 0 && number > 0; place--) {
        text[place - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    semihosting(SYS_WRITE0, text);
    semihosting(SYS_EXIT_EXTENDED, exit_block);
}

void nasc_serial_start(void)
{
}

uint32_t nasc_port_receive(uint8_t *bytes, uint32_t most)
{
    uint32_t end = given < sizes[1] ? sizes[1] : sizes[0];
    if (given == sizes[1]) {
        started = nasc_port_now();
    }
    if (given == sizes[0]) {
        leave((nasc_port_now() - started) / ((sizes[0] - sizes[1]) / 1000));
    }
    for (uint32_t count = 0; count < most && given < end; count++) {
        nasc_ring_put(upload[given++]);
    }
    return take_from_ring(bytes, most);
}

void nasc_port_send(const uint8_t *bytes, uint32_t count)
{
    (void)bytes;
    answered += count;
}
