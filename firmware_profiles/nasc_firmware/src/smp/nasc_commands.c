/* Group 64: what the board is, its slots, uploads, and runs of the head. nasc_sdk/mcu/smp_messages.py is the other
 * side. */
#include <stddef.h>
#include <string.h>

#include "digest/crc.h"
#include "digest/sha256.h"
#include "head.h"
#include "kernels/kernels.h"
#include "port.h"
#ifdef NASC_POWER_CUT
#include "ports/power_cut.h"
#endif
#include "smp/server.h"
#include "store.h"

#ifndef NASC_FIRMWARE_VERSION
#define NASC_FIRMWARE_VERSION "0.1.0"
#endif

enum { HELLO, SLOTS, UPLOAD, COMMIT, REVERT, PROFILE, COUNTS, INPUT, RUN, OUTPUT, SELECT, NAMES };

/* Room that a page leaves for its map, its keys and its offset. */
enum { PAGE_OVERHEAD = 32, LARGEST_UINT = 5 };

static uint32_t profile_counts[NASC_MOST_OPERATORS];
static uint32_t profile_count; /* of the last profile; 0 before the first */

static bool find_uint(const nasc_request_t *request, const char *key, uint32_t *value)
{
    return nasc_cbor_find_uint(request->map, request->count, key, value) == NASC_CBOR_FOUND;
}

static bool find_bytes(const nasc_request_t *request, const char *key, const uint8_t **value, uint32_t *length)
{
    return nasc_cbor_find_bytes(request->map, request->count, key, value, length) == NASC_CBOR_FOUND;
}

/* NULL where the request has no such digest. */
static const uint8_t *find_digest(const nasc_request_t *request)
{
    const uint8_t *sha;
    uint32_t length;
    return find_bytes(request, "sha", &sha, &length) && length == NASC_SHA256_BYTES ? sha : NULL;
}

static uint32_t page_room(const nasc_reply_t *reply)
{
    return (uint32_t)(reply->writer.end - reply->writer.at) - PAGE_OVERHEAD;
}

static nasc_status_t hello(const nasc_request_t *request, nasc_reply_t *reply)
{
    nasc_cbor_writer_t *writer = &reply->writer;
    const nasc_board_t *board = nasc_port_board();
    (void)request;
    nasc_cbor_put_map(writer, 18);
    nasc_cbor_put_pair(writer, "protocol", NASC_PROTOCOL_VERSION);
    nasc_cbor_put_text_pair(writer, "firmware", NASC_FIRMWARE_VERSION);
    nasc_cbor_put_text_pair(writer, "board", board->board);
    nasc_cbor_put_text_pair(writer, "core", board->core);
    nasc_cbor_put_pair(writer, "clock_hz", board->clock_hz);
    nasc_cbor_put_pair(writer, "ram", board->ram_bytes);
    nasc_cbor_put_pair(writer, "flash", board->flash_bytes);
    nasc_cbor_put_pair(writer, "arena", nasc_head_arena_bytes());
    nasc_cbor_put_text_pair(writer, "kernels", nasc_kernels_name);
    nasc_cbor_put_pair(writer, "packing", nasc_kernels_packing);
    nasc_cbor_put_bytes_pair(writer, "id", board->unique_id, sizeof board->unique_id);
    nasc_cbor_put_text_pair(writer, "time_source", nasc_port_time_source());
    nasc_cbor_put_pair(writer, "time_unit", nasc_port_time_unit());
    nasc_cbor_put_pair(writer, "time_hz", nasc_port_time_hz());
    nasc_cbor_put_pair(writer, "capacity", nasc_store_capacity());
    nasc_cbor_put_pair(writer, "packet", NASC_SMP_PACKET_BYTES);
    nasc_cbor_put_pair(writer, "window", NASC_SMP_WINDOW);
    nasc_cbor_put_text(writer, "raw");
    nasc_cbor_put_bool(writer, true);
    return NASC_OK;
}

static nasc_status_t slots(const nasc_request_t *request, nasc_reply_t *reply)
{
    nasc_cbor_writer_t *writer = &reply->writer;
    (void)request;
    nasc_cbor_put_map(writer, 1);
    nasc_cbor_put_text(writer, "slots");
    nasc_cbor_put_array(writer, NASC_SLOTS);
    for (uint32_t i = 0; i < NASC_SLOTS; i++) {
        const nasc_slot_t *slot = nasc_store_slot(i);
        nasc_cbor_put_map(writer, 5);
        nasc_cbor_put_pair(writer, "state", slot->state);
        nasc_cbor_put_pair(writer, "bytes", slot->bytes);
        nasc_cbor_put_pair(writer, "received", slot->received);
        nasc_cbor_put_pair(writer, "sequence", slot->sequence);
        nasc_cbor_put_bytes_pair(writer, "sha", slot->sha256, sizeof slot->sha256);
    }
    return NASC_OK;
}

/* Whether an upload has begun since the board started. */
static bool is_receiving(void)
{
    for (uint32_t i = 0; i < NASC_SLOTS; i++) {
        nasc_slot_state_t state = nasc_store_slot(i)->state;
        if (state == NASC_SLOT_RECEIVING || state == NASC_SLOT_COMPLETE) {
            return true;
        }
    }
    return false;
}

/* {off, data}, with the first also {len, sha}. The answer's off is the next byte expected, also where other bytes came:
 * that is not an error but how the host learns where to go on. */
static nasc_status_t upload(const nasc_request_t *request, nasc_reply_t *reply)
{
    const uint8_t *data, *sha = find_digest(request);
    uint32_t offset, length, bytes, next = 0;
    nasc_status_t status = NASC_OK;
    if (!find_uint(request, "off", &offset) || !find_bytes(request, "data", &data, &length)) {
        return NASC_BAD_REQUEST;
    }
    bool begins = nasc_cbor_find_uint(request->map, request->count, "len", &bytes) != NASC_CBOR_ABSENT;
    if (begins) {
        if (sha == NULL || offset != 0 || !find_uint(request, "len", &bytes)) {
            return NASC_BAD_REQUEST;
        }
        status = nasc_store_begin(bytes, sha, &next);
    }
    /* An upload that resumes is told where it stands, whatever data came along. */
    if (status == NASC_OK && !(begins && (length == 0 || next != 0))) {
        status = nasc_store_write(offset, data, length, &next);
    }
    if (status != NASC_OK && status != NASC_WRONG_OFFSET) {
        reply->has_offset = true;
        reply->offset = next;
        return status;
    }
    if (!is_receiving()) {
        next = 0; /* the board was reset in between: the host has to begin again */
    }
    nasc_cbor_put_map(&reply->writer, 1);
    nasc_cbor_put_pair(&reply->writer, "off", next);
    return NASC_OK;
}

static bool is_active(const uint8_t *sha)
{
    for (uint32_t i = 0; i < NASC_SLOTS; i++) {
        const nasc_slot_t *slot = nasc_store_slot(i);
        if (slot->state == NASC_SLOT_ACTIVE && memcmp(slot->sha256, sha, NASC_SHA256_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

static nasc_status_t finish(nasc_reply_t *reply, nasc_status_t status)
{
    if (status == NASC_OK) {
        nasc_cbor_put_map(&reply->writer, 0);
    }
    return status;
}

/* {sha}. The host asks again when an answer was lost, so what is active already is a success. */
static nasc_status_t commit(const nasc_request_t *request, nasc_reply_t *reply)
{
    const uint8_t *sha = find_digest(request);
    if (sha == NULL) {
        return NASC_BAD_REQUEST;
    }
    profile_count = 0;
    nasc_status_t status = nasc_store_commit(sha);
    if (status != NASC_OK) {
        reply->reason = nasc_store_fault();
    }
    return finish(reply, status);
}

/* {sha}: runs the plan with this digest until the next reset. */
static nasc_status_t choose(const nasc_request_t *request, nasc_reply_t *reply)
{
    const uint8_t *sha = find_digest(request);
    if (sha == NULL) {
        return NASC_BAD_REQUEST;
    }
    profile_count = 0;
    nasc_status_t status = nasc_store_select(sha);
    if (status != NASC_OK) {
        reply->reason = nasc_store_fault();
    }
    return finish(reply, status);
}

/* {} or {sha}: the plan to go back to. With it a request that comes twice does not go back and forth. */
static nasc_status_t revert(const nasc_request_t *request, nasc_reply_t *reply)
{
    const uint8_t *sha = find_digest(request);
    profile_count = 0;
    return finish(reply, sha != NULL && is_active(sha) ? nasc_store_select(sha) : nasc_store_revert());
}

/* {runs}: of this repeat, 1 where absent. The counts are those of the last run; the ones before it warm caches. Every
 * run is of the golden input. */
static nasc_status_t profile(const nasc_request_t *request, nasc_reply_t *reply)
{
    uint32_t runs = 1, whole = 0, operators = nasc_head_operators();
    nasc_cbor_result_t found = nasc_cbor_find_uint(request->map, request->count, "runs", &runs);
    if (found == NASC_CBOR_WRONG_TYPE || runs < 1 || runs > 255) {
        return NASC_BAD_REQUEST;
    }
    profile_count = 0;
    while (runs-- > 0) {
        nasc_status_t status = nasc_head_prepare();
        if (status == NASC_OK) {
            status = nasc_head_run(profile_counts, &whole);
        }
        if (status != NASC_OK) {
            return status;
        }
    }
    profile_count = operators;
    nasc_cbor_put_map(&reply->writer, 6);
    nasc_cbor_put_pair(&reply->writer, "plan", nasc_head_plan_crc32());
    nasc_cbor_put_pair(&reply->writer, "whole", whole);
    nasc_cbor_put_pair(&reply->writer, "overhead", nasc_head_overhead());
    nasc_cbor_put_pair(&reply->writer, "count", operators);
    nasc_cbor_put_pair(&reply->writer, "used", nasc_head_arena_used());
    nasc_cbor_put_pair(&reply->writer, "arena", nasc_head_arena_bytes());
    return NASC_OK;
}

/* {first} -> {first, counts}: as many of the last profile as fit. */
static nasc_status_t counts(const nasc_request_t *request, nasc_reply_t *reply)
{
    uint32_t first;
    if (!find_uint(request, "first", &first) || first > profile_count) {
        return NASC_BAD_REQUEST;
    }
    uint32_t fitting = page_room(reply) / LARGEST_UINT, left = profile_count - first;
    uint32_t number = left < fitting ? left : fitting;
    nasc_cbor_put_map(&reply->writer, 2);
    nasc_cbor_put_pair(&reply->writer, "first", first);
    nasc_cbor_put_text(&reply->writer, "counts");
    nasc_cbor_put_array(&reply->writer, number);
    for (uint32_t i = 0; i < number; i++) {
        nasc_cbor_put_uint(&reply->writer, profile_counts[first + i]);
    }
    return NASC_OK;
}

/* {first} -> {first, names}: of the tensors that the head's operators write, as many as fit. */
static nasc_status_t names(const nasc_request_t *request, nasc_reply_t *reply)
{
    uint32_t first, number = 0, taken = 0, operators = nasc_head_operators();
    if (!find_uint(request, "first", &first) || first > operators) {
        return NASC_BAD_REQUEST;
    }
    while (first + number < operators) {
        taken += LARGEST_UINT + (uint32_t)strlen(nasc_head_operator_name(first + number));
        if (taken > page_room(reply)) {
            break;
        }
        number++;
    }
    nasc_cbor_put_map(&reply->writer, 2);
    nasc_cbor_put_pair(&reply->writer, "first", first);
    nasc_cbor_put_text(&reply->writer, "names");
    nasc_cbor_put_array(&reply->writer, number);
    for (uint32_t i = 0; i < number; i++) {
        nasc_cbor_put_text(&reply->writer, nasc_head_operator_name(first + i));
    }
    return NASC_OK;
}

/* {off, data} -> {off, bytes}: the next offset, and the bytes of the whole input. What a reset left out is noticed: a run
 * needs all of it. */
static nasc_status_t input(const nasc_request_t *request, nasc_reply_t *reply)
{
    const uint8_t *data;
    uint32_t offset, length, bytes = nasc_head_input_bytes();
    if (!find_uint(request, "off", &offset) || !find_bytes(request, "data", &data, &length)) {
        return NASC_BAD_REQUEST;
    }
    nasc_status_t status = nasc_head_write_input(offset, data, length);
    if (status != NASC_OK) {
        return status;
    }
    nasc_cbor_put_map(&reply->writer, 2);
    nasc_cbor_put_pair(&reply->writer, "off", offset + length);
    nasc_cbor_put_pair(&reply->writer, "bytes", bytes);
    return NASC_OK;
}

/* {} -> {whole, bytes, crc, plan}: counts of the run, the output's size and CRC-32, and the checksum of the plan that ran:
 * the host sees when that is not the one it means, because the board was reset. */
static nasc_status_t run(const nasc_request_t *request, nasc_reply_t *reply)
{
    uint32_t whole = 0;
    (void)request;
    nasc_status_t status = nasc_head_run(NULL, &whole);
    const int8_t *output = nasc_head_output();
    if (status != NASC_OK) {
        return status;
    }
    if (output == NULL) {
        return NASC_NO_HEAD;
    }
    uint32_t bytes = nasc_head_output_bytes();
    nasc_cbor_put_map(&reply->writer, 4);
    nasc_cbor_put_pair(&reply->writer, "plan", nasc_head_plan_crc32());
    nasc_cbor_put_pair(&reply->writer, "whole", whole);
    nasc_cbor_put_pair(&reply->writer, "bytes", bytes);
    nasc_cbor_put_pair(&reply->writer, "crc", nasc_crc32(0, (const uint8_t *)output, bytes));
    return NASC_OK;
}

/* {off} -> {off, data}: as much of the last run's output as fits; empty at its end. */
static nasc_status_t output(const nasc_request_t *request, nasc_reply_t *reply)
{
    uint32_t offset, bytes = nasc_head_output_bytes(), fitting = page_room(reply);
    const int8_t *tensor = nasc_head_output();
    if (!find_uint(request, "off", &offset)) {
        return NASC_BAD_REQUEST;
    }
    if (tensor == NULL) {
        return NASC_NO_HEAD;
    }
    if (offset > bytes) {
        return NASC_BAD_REQUEST;
    }
    uint32_t left = bytes - offset;
    nasc_cbor_put_map(&reply->writer, 2);
    nasc_cbor_put_pair(&reply->writer, "off", offset);
    nasc_cbor_put_bytes_pair(&reply->writer, "data", (const uint8_t *)tensor + offset,
                             left < fitting ? left : fitting);
    return NASC_OK;
}

const nasc_command_t nasc_nasc_commands[] = {
    {HELLO, NASC_SMP_READ, hello},      {SLOTS, NASC_SMP_READ, slots},     {UPLOAD, NASC_SMP_WRITE, upload},
    {COMMIT, NASC_SMP_WRITE, commit},   {REVERT, NASC_SMP_WRITE, revert},  {PROFILE, NASC_SMP_WRITE, profile},
    {COUNTS, NASC_SMP_READ, counts},    {INPUT, NASC_SMP_WRITE, input},    {RUN, NASC_SMP_WRITE, run},
    {OUTPUT, NASC_SMP_READ, output},    {SELECT, NASC_SMP_WRITE, choose},
    {NAMES, NASC_SMP_READ, names},
#ifdef NASC_POWER_CUT
    {NASC_POWER_CUT_COMMAND, NASC_SMP_WRITE, nasc_power_cut_command},
#endif
};
const uint32_t nasc_nasc_command_count = sizeof nasc_nasc_commands / sizeof *nasc_nasc_commands;
