#include "smp/server.h"

#include <stddef.h>

/* SMP error codes (mcumgr_err_t) of the answers in version 1, and of what belongs to no group in version 2. */
enum {
    MGMT_UNKNOWN = 1,
    MGMT_INVALID = 3,
    MGMT_NO_ENTRY = 5,
    MGMT_BAD_STATE = 6,
    MGMT_MESSAGE_SIZE = 7,
    MGMT_NOT_SUPPORTED = 8,
    MGMT_CORRUPT = 9,
    MGMT_BUSY = 10,
    MGMT_VERSION_TOO_NEW = 13
};

static const uint8_t mgmt_errors[] = {
    [NASC_OK] = 0,
    [NASC_BAD_REQUEST] = MGMT_INVALID,
    [NASC_UNKNOWN] = MGMT_NO_ENTRY,
    [NASC_WRONG_OFFSET] = MGMT_INVALID,
    [NASC_TOO_LARGE] = MGMT_MESSAGE_SIZE,
    [NASC_BAD_DIGEST] = MGMT_CORRUPT,
    [NASC_BAD_PLAN] = MGMT_CORRUPT,
    [NASC_WRONG_BOARD] = MGMT_NOT_SUPPORTED,
    [NASC_GOLDEN_FAILED] = MGMT_BAD_STATE,
    [NASC_NO_HEAD] = MGMT_BAD_STATE,
    [NASC_FLASH_FAILED] = MGMT_UNKNOWN,
    [NASC_BUSY] = MGMT_BUSY,
};

/* In words, where the handler has none. */
static const char *const reasons[] = {
    [NASC_FLASH_FAILED] = "flash does not hold what was written",
    [NASC_BUSY] = "flash stays busy",
};

/* "Res: This is reserved, not-used field and must be always set to 0." Then version, two bits, and operation, three. */
enum { VERSION_SHIFT = 3, VERSION_MASK = 3, OPERATION_MASK = 7 };
enum { VERSION_1 = 0, VERSION_2 = 1 };

static nasc_command_handler_t find_handler(const nasc_request_t *request)
{
    const nasc_command_t *commands;
    uint32_t count;
    if (request->group == NASC_GROUP_OS) {
        commands = nasc_os_commands;
        count = nasc_os_command_count;
    } else if (request->group == NASC_GROUP_NASC) {
        commands = nasc_nasc_commands;
        count = nasc_nasc_command_count;
    } else {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (commands[i].command == request->command && commands[i].operation == request->operation) {
            return commands[i].handler;
        }
    }
    return NULL;
}

static void start_map(nasc_server_t *server, nasc_reply_t *reply)
{
    reply->writer.at = server->reply + NASC_SMP_HEADER_BYTES;
    reply->writer.end = server->reply + sizeof server->reply;
    reply->writer.full = false;
}

/* "rc ... only appears if non-zero when using SMP version 1 or for SMP errors when using SMP version 2." */
static void write_smp_error(nasc_reply_t *reply, uint32_t error)
{
    nasc_cbor_put_map(&reply->writer, 1);
    nasc_cbor_put_pair(&reply->writer, "rc", error);
}

/* Version 2: {"err": {"group", "rc"}}; version 1: {"rc"}. "rsn" is what MCUmgr calls a reason in words. */
static void write_status(nasc_reply_t *reply, const nasc_request_t *request, nasc_status_t status)
{
    nasc_cbor_writer_t *writer = &reply->writer;
    const char *reason = reply->reason != NULL && reply->reason[0] != '\0' ? reply->reason : reasons[status];
    bool has_reason = reason != NULL;
    nasc_cbor_put_map(writer, 1u + reply->has_offset + has_reason);
    if (request->version == VERSION_2 && request->group >= NASC_GROUP_NASC) {
        nasc_cbor_put_text(writer, "err");
        nasc_cbor_put_map(writer, 2);
        nasc_cbor_put_pair(writer, "group", request->group);
        nasc_cbor_put_pair(writer, "rc", status);
    } else {
        nasc_cbor_put_pair(writer, "rc", mgmt_errors[status]);
    }
    if (reply->has_offset) {
        nasc_cbor_put_pair(writer, "off", reply->offset);
    }
    if (has_reason) {
        nasc_cbor_put_text_pair(writer, "rsn", reason);
    }
}

/* "Data is optional and is not present when Data Length is zero." */
static const uint8_t empty_map[] = {0xA0};

/* The SMP error of the envelope, or 0. */
static uint32_t check_envelope(nasc_request_t *request, uint32_t announced)
{
    if (request->version > VERSION_2) {
        return MGMT_VERSION_TOO_NEW;
    }
    if (announced != request->count) {
        return MGMT_CORRUPT;
    }
    if (request->count == 0) {
        request->map = empty_map;
        request->count = sizeof empty_map;
    }
    return nasc_cbor_is_map(request->map, request->count) ? 0 : MGMT_INVALID;
}

static void answer(nasc_server_t *server, nasc_request_t *request, uint32_t announced, nasc_reply_t *reply)
{
    uint32_t error = check_envelope(request, announced);
    nasc_command_handler_t handler = find_handler(request);
    start_map(server, reply);
    if (error != 0 || handler == NULL) {
        write_smp_error(reply, error != 0 ? error : MGMT_NOT_SUPPORTED);
        return;
    }
    nasc_status_t status = handler(request, reply);
    if (status == NASC_OK && reply->writer.full) {
        status = NASC_TOO_LARGE;
        reply->reason = "the answer";
    }
    if (status != NASC_OK) {
        start_map(server, reply);
        write_status(reply, request, status);
    }
    if (reply->writer.full) { /* a very long reason */
        start_map(server, reply);
        write_smp_error(reply, MGMT_MESSAGE_SIZE);
    }
}

static void handle(void *context, nasc_framing_t framing, const uint8_t *packet, uint32_t count)
{
    nasc_server_t *server = context;
    uint8_t operation = packet[0] & OPERATION_MASK;
    if (operation != NASC_SMP_READ && operation != NASC_SMP_WRITE) {
        return; /* an answer, perhaps our own from a line that echoes; to answer it would never end */
    }
    nasc_request_t request = {
        .operation = operation,
        .version = packet[0] >> VERSION_SHIFT & VERSION_MASK,
        .group = (uint16_t)(packet[4] << 8 | packet[5]),
        .sequence = packet[6],
        .command = packet[7],
        .map = packet + NASC_SMP_HEADER_BYTES,
        .count = count - NASC_SMP_HEADER_BYTES,
    };
    uint32_t announced = (uint32_t)packet[2] << 8 | packet[3];
    nasc_reply_t reply = {0};
    answer(server, &request, announced, &reply);

    uint8_t *header = server->reply;
    uint32_t length = (uint32_t)(reply.writer.at - header) - NASC_SMP_HEADER_BYTES;
    uint8_t version = request.version > VERSION_2 ? VERSION_2 : request.version;
    header[0] = (uint8_t)(version << VERSION_SHIFT | (operation + 1));
    header[1] = 0; /* "there are no flags defined yet, the field should be set to 0" */
    header[2] = (uint8_t)(length >> 8);
    header[3] = (uint8_t)length;
    header[4] = (uint8_t)(request.group >> 8);
    header[5] = (uint8_t)request.group;
    header[6] = request.sequence; /* "should match the one in the request" */
    header[7] = request.command;
    nasc_frame_send(framing, header, NASC_SMP_HEADER_BYTES + length, server->send, server->context);
    server->reset_asked = server->reset_asked || reply.reset;
}

void nasc_server_start(nasc_server_t *server, nasc_send_t send, void *context)
{
    nasc_frame_start(&server->receiver, handle, server);
    server->send = send;
    server->context = context;
    server->reset_asked = false;
}

void nasc_server_receive(nasc_server_t *server, const uint8_t *bytes, uint32_t count)
{
    nasc_frame_receive(&server->receiver, bytes, count);
}

void nasc_server_idle(nasc_server_t *server, uint32_t idle_ms)
{
    nasc_frame_idle(&server->receiver, idle_ms);
}
