/* A port in virtual time, below the firmware's own main: the line lets one byte through each BYTE_NS, flash takes as
 * long as it is told, and what arrives meanwhile goes into the firmware's ring, as by an interrupt. The other side,
 * tests/firmware/smp/paced.py, has the same clock: each waits for the other, so a run is exactly repeatable.
 *
 * First on stdin: the five numbers of pace_t. Then records, little-endian:
 *     B from_ns count bytes    bytes that the host sends, the first beginning at from_ns
 *     W until_ns               go on until then, or until something was sent; answered by
 *                              now_ns, erasing_ns so far, count, and the bytes that were sent
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port.h"

/* The ring that hardware ports receive with; here a wait is put before it. */
#define nasc_port_receive take_from_ring
#include "ports/ring.c"
#undef nasc_port_receive
uint32_t nasc_port_receive(uint8_t *bytes, uint32_t most);

enum { PAGE = 256, MOST_STORE_BYTES = 1 << 20, MOST_ON_LINE = 1 << 16, MOST_SENT = 1 << 12, IDLE_NS = 10000000 };

static struct {
    uint64_t byte_ns; /* of the line */
    uint64_t work_ns; /* of the core for each byte of an upload, all of it while the next packet has to wait */
    uint64_t sector_bytes, erase_ns, page_ns;
} pace;

static uint64_t now_ns, until_ns, erasing_ns;
static uint8_t flash[MOST_STORE_BYTES], sent[MOST_SENT];
static uint32_t sent_bytes;

static struct {
    uint64_t arrives_ns;
    uint8_t byte;
} line[MOST_ON_LINE]; /* a queue: what was sent and has not arrived */
static uint32_t line_first, line_end;

/* The host is gone: so is the board. */
static void need(void *to, size_t count)
{
    if (fread(to, 1, count, stdin) != count) {
        exit(0);
    }
}

static void take_from_host(void)
{
    uint64_t from_ns;
    uint32_t count;
    need(&from_ns, sizeof from_ns);
    need(&count, sizeof count);
    for (uint32_t place = 0; place < count; place++) {
        from_ns += pace.byte_ns;
        line[line_end].arrives_ns = from_ns;
        need(&line[line_end].byte, 1);
        line_end = (line_end + 1) % MOST_ON_LINE;
        if (line_end == line_first) {
            abort();
        }
    }
}

static void talk_to_host(void)
{
    uint8_t kind;
    fwrite(&now_ns, sizeof now_ns, 1, stdout);
    fwrite(&erasing_ns, sizeof erasing_ns, 1, stdout);
    fwrite(&sent_bytes, sizeof sent_bytes, 1, stdout);
    fwrite(sent, 1, sent_bytes, stdout);
    fflush(stdout);
    sent_bytes = 0;
    for (need(&kind, 1); kind == 'B'; need(&kind, 1)) {
        take_from_host();
    }
    need(&until_ns, sizeof until_ns);
}

static void pass_until(uint64_t to_ns)
{
    for (;;) {
        uint64_t stop_ns = to_ns < until_ns ? to_ns : until_ns;
        while (line_first != line_end && line[line_first].arrives_ns <= stop_ns) {
            nasc_ring_put(line[line_first].byte);
            line_first = (line_first + 1) % MOST_ON_LINE;
        }
        now_ns = stop_ns > now_ns ? stop_ns : now_ns;
        if (now_ns >= to_ns) {
            return;
        }
        talk_to_host();
    }
}

void nasc_port_start(void)
{
    need(&pace, sizeof pace);
    memset(flash, 0xFF, sizeof flash);
    talk_to_host();
}

static const nasc_board_t board = {"paced", "x86-64", 1000000, 131072, MOST_STORE_BYTES, {0}};

const nasc_board_t *nasc_port_board(void)
{
    return &board;
}

uint32_t nasc_port_now(void)
{
    return (uint32_t)(now_ns / 1000);
}

const char *nasc_port_time_source(void)
{
    return "virtual";
}

uint8_t nasc_port_time_unit(void)
{
    return NASC_UNIT_TICKS;
}

uint32_t nasc_port_time_hz(void)
{
    return 1000000;
}

uint32_t nasc_port_receive(uint8_t *bytes, uint32_t most)
{
    uint32_t count = take_from_ring(bytes, most);
    uint64_t next_ns = now_ns + IDLE_NS;
    if (count == 0) {
        if (line_first != line_end && line[line_first].arrives_ns < next_ns) {
            next_ns = line[line_first].arrives_ns;
        }
        pass_until(next_ns);
    }
    return count;
}

void nasc_port_send(const uint8_t *bytes, uint32_t count)
{
    if (count > sizeof sent - sent_bytes) {
        abort();
    }
    pass_until(now_ns + count * pace.byte_ns);
    memcpy(sent + sent_bytes, bytes, count);
    sent_bytes += count;
    talk_to_host();
}

uint32_t nasc_port_flash_bytes(void)
{
    return MOST_STORE_BYTES;
}

uint32_t nasc_port_flash_sector(void)
{
    return (uint32_t)pace.sector_bytes;
}

nasc_status_t nasc_port_flash_read(uint32_t offset, void *bytes, uint32_t count)
{
    memcpy(bytes, flash + offset, count);
    return NASC_OK;
}

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    erasing_ns += pace.erase_ns;
    pass_until(now_ns + pace.erase_ns);
    memset(flash + offset, 0xFF, pace.sector_bytes);
    return NASC_OK;
}

nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    pass_until(now_ns + pace.page_ns * count / PAGE + pace.work_ns * count);
    memcpy(flash + offset, bytes, count);
    return NASC_OK;
}

const uint8_t *nasc_port_flash_map(uint32_t offset, uint32_t count)
{
    (void)count;
    return flash + offset;
}

void nasc_port_feed(void)
{
}

void nasc_port_reset(void)
{
    exit(0);
}
