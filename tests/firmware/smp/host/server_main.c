/* The SMP server with the doubles behind it.
 *
 * server terminal: bytes on stdin are the line, answers go to stdout; a silence is told to the server.
 * server lockstep: each record on stdin is a kind, a number (4 bytes, little-endian) and bytes; each is answered by
 * a length and what the board sent. So a test knows when the board is done, and no real time passes.
 *     B count bytes   bytes that came     I milliseconds   silence
 *     P 0             the active plan     R 0              power off and on
 */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doubles.h"
#include "smp/server.h"

enum { LARGEST_RECORD = 1 << 20 };

static nasc_server_t server;
static uint8_t sent[LARGEST_RECORD];
static uint32_t sent_bytes;

static void collect(void *context, const uint8_t *bytes, uint32_t count)
{
    (void)context;
    if (count > sizeof sent - sent_bytes) {
        abort();
    }
    memcpy(sent + sent_bytes, bytes, count);
    sent_bytes += count;
}

static void write_through(void *context, const uint8_t *bytes, uint32_t count)
{
    (void)context;
    while (count > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, count);
        if (written <= 0) {
            exit(0);
        }
        bytes += written;
        count -= (uint32_t)written;
    }
}

static void restart_if_asked(nasc_send_t send)
{
    if (server.reset_asked) {
        doubles_restart();
        nasc_server_start(&server, send, NULL);
    }
}

static int run_terminal(void)
{
    struct pollfd poller = {.fd = STDIN_FILENO, .events = POLLIN};
    uint8_t bytes[512];
    uint32_t idle_ms = 0;
    for (;;) {
        if (poll(&poller, 1, 50) == 0) {
            nasc_server_idle(&server, idle_ms += 50);
            continue;
        }
        ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
        if (count <= 0) {
            return 0;
        }
        idle_ms = 0;
        nasc_server_receive(&server, bytes, (uint32_t)count);
        restart_if_asked(write_through);
    }
}

static void answer_record(const uint8_t *bytes, uint32_t count)
{
    uint8_t length[4];
    for (unsigned i = 0; i < 4; i++) {
        length[i] = (uint8_t)(count >> 8 * i);
    }
    fwrite(length, 1, 4, stdout);
    if (count > 0) {
        fwrite(bytes, 1, count, stdout);
    }
    fflush(stdout);
}

static int run_lockstep(void)
{
    static uint8_t record[LARGEST_RECORD];
    uint8_t head[5];
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        uint32_t number = (uint32_t)head[1] | (uint32_t)head[2] << 8 | (uint32_t)head[3] << 16 | (uint32_t)head[4] << 24;
        sent_bytes = 0;
        if (head[0] == 'B') {
            if (number > sizeof record || fread(record, 1, number, stdin) != number) {
                return 1;
            }
            /* Bytes beyond those announced would be seen by the sanitizer. */
            uint8_t *exact = malloc(number ? number : 1);
            memcpy(exact, record, number);
            nasc_server_receive(&server, exact, number);
            free(exact);
            restart_if_asked(collect);
        } else if (head[0] == 'I') {
            nasc_server_idle(&server, number);
        } else if (head[0] == 'R') {
            doubles_restart();
            nasc_server_start(&server, collect, NULL);
        } else if (head[0] == 'P') {
            uint32_t bytes;
            const uint8_t *plan = doubles_active(&bytes);
            answer_record(plan, bytes);
            continue;
        }
        answer_record(sent, sent_bytes);
    }
    return 0;
}

int main(int argc, char **argv)
{
    bool terminal = argc == 2 && strcmp(argv[1], "terminal") == 0;
    nasc_server_start(&server, terminal ? write_through : collect, NULL);
    return terminal ? run_terminal() : run_lockstep();
}
