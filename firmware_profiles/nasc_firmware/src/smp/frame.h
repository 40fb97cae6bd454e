/* SMP packets on a serial line, in two framings on the same port. The first byte of a frame tells which one it is, and
 * a packet is answered in the framing it came in.
 *
 * Console: the SMP transport specification, "UART/serial and console". Lines of at most 127 bytes, each a start mark
 * (0x06 0x09, or 0x04 0x14 where it continues), base64, and a newline; inside, the length of what follows (2 bytes),
 * the packet, and its CRC16. Text around the lines is skipped, so that a console may share the port.
 *
 * Raw: nothing is encoded, since base64 alone takes a quarter of the line. All integers big-endian:
 *     0  0xD3 0x9E
 *     2  length of the packet, 2 bytes
 *     4  check of the length: 0xA5 ^ both of its bytes
 *     5  packet
 *     .  CRC-32 of everything from offset 2 on
 *
 * Resynchronising: a raw frame that turns out not to be one gives back all its bytes but the first, which are read
 * again, since another frame may have begun among them. A frame whose length was damaged cannot swallow what follows,
 * nor can it keep the receiver waiting: the check finds it, or the CRC, or nasc_frame_idle. No byte is read again more
 * often than the buffer is long. A packet with a wrong CRC is never handed on.
 */
#ifndef NASC_FRAME_H
#define NASC_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Largest packet, with its SMP header. Of an upload 26 bytes of it are no data, and 9 more are the frame's: 95.5 % are
 * left. Larger ones would leave more, but of the same memory fewer could be on their way (NASC_SMP_WINDOW). */
#ifndef NASC_SMP_PACKET_BYTES
#define NASC_SMP_PACKET_BYTES 768
#endif

enum {
    NASC_FRAME_HEADER_BYTES = 5,
    NASC_FRAME_BUFFER_BYTES = NASC_FRAME_HEADER_BYTES + NASC_SMP_PACKET_BYTES + 4,
    NASC_FRAME_IDLE_MS = 200 /* a silence inside a frame after which its rest is not expected any more */
};

typedef enum { NASC_FRAMING_CONSOLE = 0, NASC_FRAMING_RAW = 1 } nasc_framing_t;

/* The packet is valid during the call only. */
typedef void (*nasc_packet_handler_t)(void *context, nasc_framing_t framing, const uint8_t *packet, uint32_t count);

typedef struct {
    nasc_packet_handler_t handler;
    void *context;
    uint8_t state;
    bool console_open; /* a console packet is under way, also between its lines */
    uint8_t characters, padding; /* of the base64 group under way */
    uint32_t group;
    uint32_t filled; /* bytes of the frame under way, at the front of the buffer */
    uint32_t again, again_end; /* bytes of the buffer that are to be read again */
    uint8_t buffer[NASC_FRAME_BUFFER_BYTES];
} nasc_frame_receiver_t;

void nasc_frame_start(nasc_frame_receiver_t *receiver, nasc_packet_handler_t handler, void *context);

/* Takes bytes as they came and hands on every packet that they complete. */
void nasc_frame_receive(nasc_frame_receiver_t *receiver, const uint8_t *bytes, uint32_t count);

/* Tells for how long nothing came; from NASC_FRAME_IDLE_MS on, a frame under way is given up. */
void nasc_frame_idle(nasc_frame_receiver_t *receiver, uint32_t idle_ms);

typedef void (*nasc_send_t)(void *context, const uint8_t *bytes, uint32_t count);

void nasc_frame_send(nasc_framing_t framing, const uint8_t *packet, uint32_t count, nasc_send_t send, void *context);

#endif
