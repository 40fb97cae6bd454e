/* fuzz <seed> <frames>: frames that are valid, mutated or random, into the server, and payloads into the CBOR reader in
 * a buffer of exactly their size. Says how many were answered; the sanitizers say the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smp/server.h"

enum { LARGEST_LINE = 4096 };

static uint64_t random_state;
static uint32_t answers, mutated_answers, answer_bytes;
static uint8_t line[LARGEST_LINE];
static uint32_t line_bytes;

/* splitmix64 */
static uint32_t draw(uint32_t below)
{
    uint64_t mixed = random_state += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)((mixed ^ mixed >> 31) >> 32) % below;
}

static void count_answer(void *context, const uint8_t *bytes, uint32_t count)
{
    (void)context;
    answers += count > 1 && ((bytes[0] == 0xD3 && bytes[1] == 0x9E) || (bytes[0] == 6 && bytes[1] == 9));
    answer_bytes += count;
}

static void add_to_line(void *context, const uint8_t *bytes, uint32_t count)
{
    (void)context;
    if (count <= sizeof line - line_bytes) {
        memcpy(line + line_bytes, bytes, count);
        line_bytes += count;
    }
}

/* A value that may be wrong for its key; deeper now and then. */
static void put_value(nasc_cbor_writer_t *writer, uint32_t depth)
{
    uint8_t bytes[64] = {0};
    switch (draw(depth > 0 ? 7 : 4)) {
    case 0:
        nasc_cbor_put_uint(writer, draw(3) == 0 ? draw(0xFFFFFFFFu) : draw(300));
        break;
    case 1:
        nasc_cbor_put_bytes(writer, bytes, draw(sizeof bytes));
        break;
    case 2:
        nasc_cbor_put_bytes(writer, bytes, 32);
        break;
    case 3:
        nasc_cbor_put_text(writer, "text");
        break;
    case 4:
        nasc_cbor_put_array(writer, 2);
        put_value(writer, depth - 1);
        put_value(writer, depth - 1);
        break;
    case 5:
        nasc_cbor_put_map(writer, 1);
        nasc_cbor_put_uint(writer, draw(30));
        put_value(writer, depth - 1);
        break;
    default:
        nasc_cbor_put_bool(writer, true);
    }
}

static uint32_t make_packet(uint8_t *packet, uint32_t room)
{
    static const char *const keys[] = {"off", "data", "len", "sha", "d", "first", "runs", "other"};
    nasc_cbor_writer_t writer = {packet + 8, packet + room, false};
    uint32_t pairs = draw(5);
    nasc_cbor_put_map(&writer, pairs);
    for (uint32_t i = 0; i < pairs; i++) {
        nasc_cbor_put_text(&writer, keys[draw(sizeof keys / sizeof *keys)]);
        put_value(&writer, 3);
    }
    uint32_t length = (uint32_t)(writer.at - packet) - 8;
    packet[0] = (uint8_t)((draw(10) == 0 ? draw(4) : draw(2)) << 3 | 2 * draw(2));
    packet[1] = 0;
    packet[2] = (uint8_t)(length >> 8);
    packet[3] = (uint8_t)length;
    packet[4] = 0;
    packet[5] = draw(4) == 0 ? 0 : draw(20) == 0 ? 1 : 64;
    packet[6] = (uint8_t)draw(256);
    packet[7] = (uint8_t)draw(11);
    return length + 8;
}

static void mutate(uint8_t *bytes, uint32_t *count, uint32_t room)
{
    uint32_t at = draw(*count), kind = draw(4);
    if (kind == 0) {
        bytes[at] = (uint8_t)draw(256);
    } else if (kind == 1) {
        bytes[at] ^= (uint8_t)(1u << draw(8));
    } else if (kind == 2 && *count > 1) {
        memmove(bytes + at, bytes + at + 1, *count - at - 1);
        --*count;
    } else if (*count < room) {
        memmove(bytes + at + 1, bytes + at, *count - at);
        ++*count;
    }
}

static void read_exactly(const uint8_t *bytes, uint32_t count)
{
    uint8_t *exact = malloc(count ? count : 1);
    const uint8_t *found;
    uint32_t value, length;
    memcpy(exact, bytes, count);
    (void)nasc_cbor_is_map(exact, count);
    (void)nasc_cbor_find_uint(exact, count, "off", &value);
    if (nasc_cbor_find_bytes(exact, count, "data", &found, &length) == NASC_CBOR_FOUND && length > 0) {
        answer_bytes += found[0] + found[length - 1];
    }
    free(exact);
}

int main(int argc, char **argv)
{
    static nasc_server_t server;
    random_state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint32_t frames = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000;
    nasc_server_start(&server, count_answer, NULL);
    for (uint32_t frame = 0; frame < frames; frame++) {
        uint8_t packet[512];
        uint32_t count = make_packet(packet, sizeof packet), before = answers;
        /* Damage inside the packet gets past the CRC, damage of the line has to be found by it. */
        for (uint32_t i = draw(3); i > 0; i--) {
            mutate(packet, &count, sizeof packet);
        }
        read_exactly(packet + 8, count > 8 ? count - 8 : 0);
        line_bytes = 0;
        nasc_frame_send(draw(4) == 0 ? NASC_FRAMING_CONSOLE : NASC_FRAMING_RAW, packet, count, add_to_line, NULL);
        for (uint32_t i = draw(3) == 0 ? 1 + draw(6) : 0; i > 0; i--) {
            mutate(line, &line_bytes, sizeof line);
        }
        if (draw(50) == 0) {
            for (uint32_t i = 0; i < line_bytes; i++) {
                line[i] = (uint8_t)draw(256);
            }
        }
        uint32_t first = draw(line_bytes + 1);
        nasc_server_receive(&server, line, first);
        nasc_server_receive(&server, line + first, line_bytes - first);
        if (draw(4) == 0) {
            nasc_server_idle(&server, 1000);
        }
        mutated_answers += answers != before;
    }
    /* Whatever came: the next good packet is answered. */
    nasc_server_idle(&server, 1000);
    uint32_t before = answers;
    const uint8_t parameters[8] = {8, 0, 0, 0, 0, 0, 1, 6};
    line_bytes = 0;
    nasc_frame_send(NASC_FRAMING_RAW, parameters, sizeof parameters, add_to_line, NULL);
    nasc_server_receive(&server, line, line_bytes);
    printf("%u answers to %u frames\n", (unsigned)mutated_answers, (unsigned)frames);
    return answers == before + 1 ? 0 : 2;
}
