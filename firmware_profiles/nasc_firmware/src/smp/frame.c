#include "smp/frame.h"

#include <string.h>

#include "digest/crc.h"

enum { START_FIRST = 0x06, START_SECOND = 0x09, CONTINUE_FIRST = 0x04, CONTINUE_SECOND = 0x14 };
enum { RAW_FIRST = 0xD3, RAW_SECOND = 0x9E, LENGTH_CHECK = 0xA5 };
enum { LINE_GROUPS = 31 }; /* of four characters: 2 + 124 + 1 bytes */
enum { SMALLEST_PACKET = 8 };

enum { HUNTING, AFTER_START, AFTER_CONTINUE, IN_LINE, IN_RAW };

void nasc_frame_start(nasc_frame_receiver_t *receiver, nasc_packet_handler_t handler, void *context)
{
    memset(receiver, 0, sizeof *receiver);
    receiver->handler = handler;
    receiver->context = context;
}

static uint32_t read_16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t read_32(const uint8_t *at)
{
    return read_16(at) << 16 | read_16(at + 2);
}

static void write_32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24u - 8u * i));
    }
}

static void forget(nasc_frame_receiver_t *receiver)
{
    receiver->state = HUNTING;
    receiver->console_open = false;
    receiver->filled = 0;
}

static void hand_on(nasc_frame_receiver_t *receiver, nasc_framing_t framing, uint32_t offset, uint32_t count)
{
    forget(receiver);
    receiver->handler(receiver->context, framing, receiver->buffer + offset, count);
}

static void hunt(nasc_frame_receiver_t *receiver, uint8_t byte)
{
    receiver->state = HUNTING;
    if (byte == START_FIRST) {
        receiver->state = AFTER_START;
    } else if (byte == CONTINUE_FIRST) {
        receiver->state = AFTER_CONTINUE;
    } else if (byte == RAW_FIRST) {
        forget(receiver);
        receiver->state = IN_RAW;
        receiver->buffer[receiver->filled++] = byte;
    }
}

/* --- Console -------------------------------------------------------------------------------------------------- */

static void begin_line(nasc_frame_receiver_t *receiver)
{
    receiver->state = IN_LINE;
    receiver->characters = receiver->padding = 0;
    receiver->group = 0;
}

/* 0 to 63, or 64 for what is not of the alphabet (RFC 4648, 4). */
static uint32_t base64_value(uint8_t character)
{
    if (character >= 'A' && character <= 'Z') {
        return character - (uint32_t)'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - (uint32_t)'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - (uint32_t)'0' + 52;
    }
    return character == '+' ? 62 : character == '/' ? 63 : 64;
}

/* False where the character cannot stand there, or the buffer is full. */
static bool take_character(nasc_frame_receiver_t *receiver, uint8_t character)
{
    uint32_t value = base64_value(character);
    if (character == '=' && receiver->characters >= 2) {
        receiver->padding++;
        value = 0;
    } else if (value == 64 || receiver->padding > 0) {
        return false; /* padding ends a line */
    }
    receiver->group = receiver->group << 6 | value;
    if (++receiver->characters < 4) {
        return true;
    }
    uint32_t bytes = 3u - receiver->padding;
    if (receiver->filled + bytes > NASC_FRAME_BUFFER_BYTES) {
        return false;
    }
    for (uint32_t i = 0; i < bytes; i++) {
        receiver->buffer[receiver->filled++] = (uint8_t)(receiver->group >> (16u - 8u * i));
    }
    receiver->characters = 0;
    return true;
}

/* "total length: Big endian 16-bit value representing total length of body + 2 bytes for CRC16; note that size of
 * total length field is not added to total length value." */
static void end_line(nasc_frame_receiver_t *receiver)
{
    receiver->state = HUNTING;
    if (receiver->characters != 0 || receiver->filled < 2) {
        forget(receiver);
        return;
    }
    uint32_t whole = 2 + read_16(receiver->buffer);
    if (whole < 2 + SMALLEST_PACKET + 2 || whole > 2 + NASC_SMP_PACKET_BYTES + 2 || receiver->filled > whole) {
        forget(receiver);
    } else if (receiver->filled == whole) {
        uint32_t count = whole - 4;
        /* "CRC16 of entire packet body, preceding length not included." */
        if (nasc_crc16(0, receiver->buffer + 2, count) == read_16(receiver->buffer + 2 + count)) {
            hand_on(receiver, NASC_FRAMING_CONSOLE, 2, count);
        } else {
            forget(receiver);
        }
    }
}

static void take_in_line(nasc_frame_receiver_t *receiver, uint8_t byte)
{
    if (byte == '\n') {
        end_line(receiver);
    } else if (byte != '\r' && !take_character(receiver, byte)) {
        /* Start marks are not of the alphabet: this byte may begin the next frame. */
        forget(receiver);
        hunt(receiver, byte);
    }
}

/* --- Raw ------------------------------------------------------------------------------------------------------ */

/* Reads all bytes of the frame but the first again, before those that wait already. They lie in the same buffer, which
 * works since a byte is written at or before the place of the one just read. */
static void give_back(nasc_frame_receiver_t *receiver)
{
    uint32_t waiting = receiver->again_end - receiver->again;
    uint32_t filled = receiver->filled;
    memmove(receiver->buffer + filled, receiver->buffer + receiver->again, waiting);
    receiver->again = 1;
    receiver->again_end = filled + waiting;
    forget(receiver);
}

/* Bytes of the raw frame under way, or 0 where it cannot be one. */
static uint32_t raw_whole(const nasc_frame_receiver_t *receiver)
{
    const uint8_t *header = receiver->buffer;
    if (receiver->filled >= 2 && header[1] != RAW_SECOND) {
        return 0;
    }
    if (receiver->filled < NASC_FRAME_HEADER_BYTES) {
        return NASC_FRAME_HEADER_BYTES;
    }
    uint32_t count = read_16(header + 2);
    if (header[4] != (LENGTH_CHECK ^ header[2] ^ header[3]) || count < SMALLEST_PACKET ||
        count > NASC_SMP_PACKET_BYTES) {
        return 0;
    }
    return NASC_FRAME_HEADER_BYTES + count + 4;
}

static void check_raw(nasc_frame_receiver_t *receiver)
{
    uint32_t whole = raw_whole(receiver);
    if (whole == 0) {
        give_back(receiver);
    } else if (receiver->filled == whole && whole > NASC_FRAME_HEADER_BYTES) {
        uint32_t covered = whole - 6;
        if (nasc_crc32(0, receiver->buffer + 2, covered) == read_32(receiver->buffer + 2 + covered)) {
            hand_on(receiver, NASC_FRAMING_RAW, NASC_FRAME_HEADER_BYTES, covered - 3);
        } else {
            give_back(receiver);
        }
    }
}

/* --- Both ----------------------------------------------------------------------------------------------------- */

static void take(nasc_frame_receiver_t *receiver, uint8_t byte)
{
    switch (receiver->state) {
    case AFTER_START:
        if (byte == START_SECOND) {
            receiver->console_open = true;
            receiver->filled = 0;
            begin_line(receiver);
        } else {
            hunt(receiver, byte);
        }
        break;
    case AFTER_CONTINUE:
        if (byte == CONTINUE_SECOND && receiver->console_open) {
            begin_line(receiver);
        } else {
            hunt(receiver, byte);
        }
        break;
    case IN_LINE:
        take_in_line(receiver, byte);
        break;
    case IN_RAW:
        receiver->buffer[receiver->filled++] = byte;
        check_raw(receiver);
        break;
    default:
        hunt(receiver, byte);
    }
}

/* The inside of a raw frame at once: it is most of what an upload is. */
static uint32_t take_body(nasc_frame_receiver_t *receiver, const uint8_t *bytes, uint32_t count)
{
    uint32_t missing = raw_whole(receiver) - receiver->filled;
    uint32_t taken = count < missing ? count : missing;
    memcpy(receiver->buffer + receiver->filled, bytes, taken);
    receiver->filled += taken;
    check_raw(receiver);
    return taken;
}

void nasc_frame_receive(nasc_frame_receiver_t *receiver, const uint8_t *bytes, uint32_t count)
{
    for (;;) {
        if (receiver->again < receiver->again_end) {
            take(receiver, receiver->buffer[receiver->again++]);
        } else if (count == 0) {
            return;
        } else if (receiver->state == IN_RAW && receiver->filled >= NASC_FRAME_HEADER_BYTES) {
            uint32_t taken = take_body(receiver, bytes, count);
            bytes += taken;
            count -= taken;
        } else {
            take(receiver, *bytes++);
            count--;
        }
    }
}

void nasc_frame_idle(nasc_frame_receiver_t *receiver, uint32_t idle_ms)
{
    if (idle_ms < NASC_FRAME_IDLE_MS) {
        return;
    }
    /* A frame that was swallowed whole by a false one is found here. Each turn drops a byte at least. */
    while (receiver->state == IN_RAW) {
        give_back(receiver);
        nasc_frame_receive(receiver, receiver->buffer, 0);
    }
    forget(receiver);
}

static void send_raw(const uint8_t *packet, uint32_t count, nasc_send_t send, void *context)
{
    uint8_t header[NASC_FRAME_HEADER_BYTES] = {RAW_FIRST, RAW_SECOND, (uint8_t)(count >> 8), (uint8_t)count, 0};
    header[4] = LENGTH_CHECK ^ header[2] ^ header[3];
    uint8_t crc[4];
    write_32(crc, nasc_crc32(nasc_crc32(0, header + 2, 3), packet, count));
    send(context, header, sizeof header);
    send(context, packet, count);
    send(context, crc, sizeof crc);
}

static uint8_t console_byte(const uint8_t *packet, uint32_t count, uint32_t crc, uint32_t at)
{
    if (at < 2) {
        return (uint8_t)((count + 2) >> (8u - 8u * at));
    }
    return at < count + 2 ? packet[at - 2] : (uint8_t)(crc >> (8u - 8u * (at - count - 2)));
}

/* "Currently MCUmgr imposes a 127 byte limit on frame size": a line. */
static void send_console(const uint8_t *packet, uint32_t count, nasc_send_t send, void *context)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t crc = nasc_crc16(0, packet, count), whole = count + 4, at = 0;
    uint8_t line[2 + 4 * LINE_GROUPS + 1];
    while (at < whole) {
        uint32_t used = 2;
        line[0] = at == 0 ? START_FIRST : CONTINUE_FIRST;
        line[1] = at == 0 ? START_SECOND : CONTINUE_SECOND;
        for (uint32_t group = 0; group < LINE_GROUPS && at < whole; group++) {
            uint32_t bits = 0, bytes = whole - at < 3 ? whole - at : 3;
            for (uint32_t i = 0; i < 3; i++) {
                bits = bits << 8 | (i < bytes ? console_byte(packet, count, crc, at + i) : 0u);
            }
            for (uint32_t i = 0; i < 4; i++) {
                line[used++] = (uint8_t)(i <= bytes ? alphabet[bits >> (18u - 6u * i) & 63u] : '=');
            }
            at += bytes;
        }
        line[used++] = '\n';
        send(context, line, used);
    }
}

void nasc_frame_send(nasc_framing_t framing, const uint8_t *packet, uint32_t count, nasc_send_t send, void *context)
{
    if (framing == NASC_FRAMING_RAW) {
        send_raw(packet, count, send, context);
    } else {
        send_console(packet, count, send, context);
    }
}
