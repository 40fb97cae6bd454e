/* SMP requests in, answers out: header, dispatch and errors. Touches no port: the caller brings the bytes that came,
 * tells how long none came, and sends what it is given. */
#ifndef NASC_SERVER_H
#define NASC_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "smp/cbor.h"
#include "smp/frame.h"
#include "status.h"

/* Packets that a host may keep in flight: enough that the line is not idle while one is written to flash and its answer
 * finds its way through the host's adapter. One is in the receiver's buffer while it is worked on; room for the others,
 * NASC_FRAME_BUFFER_BYTES each, is the port's receive ring. With less, bytes are lost while flash is written and the
 * host sends them again. */
#ifndef NASC_SMP_WINDOW
#define NASC_SMP_WINDOW 4
#endif

/* Largest answer, with its SMP header. */
#ifndef NASC_SMP_REPLY_BYTES
#define NASC_SMP_REPLY_BYTES NASC_SMP_PACKET_BYTES
#endif

enum { NASC_SMP_HEADER_BYTES = 8, NASC_PROTOCOL_VERSION = 1 };

/* SMP protocol specification, "OP"; answers are one more. */
enum { NASC_SMP_READ = 0, NASC_SMP_WRITE = 2 };

enum { NASC_GROUP_OS = 0, NASC_GROUP_NASC = 64 };

typedef struct {
    uint8_t operation, version, sequence, command;
    uint16_t group;
    const uint8_t *map; /* well-formed; points into the receiver's buffer */
    uint32_t count;
} nasc_request_t;

typedef struct {
    nasc_cbor_writer_t writer; /* the handler writes one map */
    bool has_offset;           /* an error's answer carries this offset too */
    uint32_t offset;
    const char *reason; /* for a person, with an error; NULL or "" for none */
    bool reset;         /* the board is to be reset once the answer has left */
} nasc_reply_t;

typedef nasc_status_t (*nasc_command_handler_t)(const nasc_request_t *request, nasc_reply_t *reply);

typedef struct {
    uint8_t command, operation;
    nasc_command_handler_t handler;
} nasc_command_t;

extern const nasc_command_t nasc_os_commands[], nasc_nasc_commands[];
extern const uint32_t nasc_os_command_count, nasc_nasc_command_count;

typedef struct {
    nasc_frame_receiver_t receiver;
    nasc_send_t send;
    void *context;
    bool reset_asked; /* the caller resets the board */
    uint8_t reply[NASC_SMP_REPLY_BYTES];
} nasc_server_t;

void nasc_server_start(nasc_server_t *server, nasc_send_t send, void *context);
void nasc_server_receive(nasc_server_t *server, const uint8_t *bytes, uint32_t count);
void nasc_server_idle(nasc_server_t *server, uint32_t idle_ms);

#endif
