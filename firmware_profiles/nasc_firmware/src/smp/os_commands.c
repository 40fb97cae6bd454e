/* Group 0 of SMP, "Default/OS Management Group": echo, reset and MCUmgr parameters. */
#include "smp/server.h"

enum { ECHO = 0, RESET = 5, PARAMETERS = 6 };

/* "Echo command responses by sending back string that it has received": {"d"} in, {"r"} out. */
static nasc_status_t echo(const nasc_request_t *request, nasc_reply_t *reply)
{
    const uint8_t *text;
    uint32_t count;
    if (nasc_cbor_find_text(request->map, request->count, "d", &text, &count) != NASC_CBOR_FOUND) {
        return NASC_BAD_REQUEST;
    }
    nasc_cbor_put_map(&reply->writer, 1);
    nasc_cbor_put_text(&reply->writer, "r");
    nasc_cbor_put_text_bytes(&reply->writer, text, count);
    return NASC_OK;
}

/* "The device should issue response before resetting so that the SMP client could receive information that the command
 * has been accepted." */
static nasc_status_t reset(const nasc_request_t *request, nasc_reply_t *reply)
{
    (void)request;
    nasc_cbor_put_map(&reply->writer, 0);
    reply->reset = true;
    return NASC_OK;
}

/* "buf_size: Single SMP buffer size, this includes SMP header and CBOR payload; buf_count: Number of SMP buffers". */
static nasc_status_t parameters(const nasc_request_t *request, nasc_reply_t *reply)
{
    (void)request;
    nasc_cbor_put_map(&reply->writer, 2);
    nasc_cbor_put_pair(&reply->writer, "buf_size", NASC_SMP_PACKET_BYTES);
    nasc_cbor_put_pair(&reply->writer, "buf_count", NASC_SMP_WINDOW);
    return NASC_OK;
}

const nasc_command_t nasc_os_commands[] = {
    {ECHO, NASC_SMP_READ, echo},
    {ECHO, NASC_SMP_WRITE, echo},
    {RESET, NASC_SMP_WRITE, reset},
    {PARAMETERS, NASC_SMP_READ, parameters},
};
const uint32_t nasc_os_command_count = sizeof nasc_os_commands / sizeof *nasc_os_commands;
