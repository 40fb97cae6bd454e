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
        uint32_t per_ms = nasc_port_time_hz() / MILLISECONDS;
        if (count > 0) {
            nasc_server_receive(&server, received, count);
            last = nasc_port_now();
        } else {
            nasc_server_idle(&server, (nasc_port_now() - last) / per_ms);
        }
        nasc_port_feed();
        if (server.reset_asked) {
            nasc_port_reset();
        }
    }
}
