/* The firmware: start the board, find the head that was committed, answer requests for ever. */
#include <stddef.h>

#include "port.h"
#include "smp/server.h"
#include "store.h"

enum { RECEIVE_BYTES = 64, MILLISECONDS = 1000 };

static nasc_server_t server;

static void send(void *context, const uint8_t *bytes, uint32_t count)
{
    (void)context;
    nasc_port_send(bytes, count);
}

int main(void)
{
    uint8_t received[RECEIVE_BYTES];
    uint32_t last;
    nasc_port_start();
    nasc_store_open();
    nasc_server_start(&server, send, NULL);
    last = nasc_port_now();
    for (;;) {
        uint32_t count = nasc_port_receive(received, sizeof received);
        /* A counter of instructions has no frequency: its clock's is near enough for an idle line. */
        uint32_t hz = nasc_port_time_hz() ? nasc_port_time_hz() : nasc_port_board()->clock_hz;
        uint32_t per_ms = hz / MILLISECONDS;
        if (count > 0) {
            nasc_server_receive(&server, received, count);
            last = nasc_port_now();
        } else if (per_ms > 0) {
            nasc_server_idle(&server, (nasc_port_now() - last) / per_ms);
        }
        if (server.reset_asked) {
            nasc_port_reset();
        }
    }
}
