/* Doubles of store.h, head.h, port.h and the kernel set: in RAM, and steered by the plan's first two bytes.
 * plan[0]: 0xFF is refused as NASC_BAD_PLAN, 0xFE as NASC_GOLDEN_FAILED, 0xFD as NASC_BUSY while it is written; it is
 * added to the output otherwise.
 * plan[1]: the number of operators. */
#include "doubles.h"

#include <stdbool.h>
#include <string.h>

#include "digest/sha256.h"
#include "head.h"
#include "kernels/kernels.h"
#include "port.h"
#include "store.h"

static nasc_slot_t slots[NASC_SLOTS];
static uint8_t plans[NASC_SLOTS][CAPACITY];
static int8_t input[INPUT_BYTES], output[OUTPUT_BYTES];
static uint32_t filled;
static const char *fault = "";

const uint16_t nasc_kernels_packing = NASC_PACKING_PLAIN;
const char nasc_kernels_name[] = "plain";

static int find(nasc_slot_state_t state)
{
    for (int i = 0; i < NASC_SLOTS; i++) {
        if (slots[i].state == state) {
            return i;
        }
    }
    return -1;
}

static int spare(void)
{
    int active = find(NASC_SLOT_ACTIVE);
    return active < 0 ? 0 : 1 - active;
}

const uint8_t *doubles_active(uint32_t *bytes)
{
    int active = find(NASC_SLOT_ACTIVE);
    *bytes = active < 0 ? 0 : slots[active].bytes;
    return active < 0 ? NULL : plans[active];
}

void doubles_restart(void)
{
    for (int i = 0; i < NASC_SLOTS; i++) {
        if (slots[i].state == NASC_SLOT_RECEIVING || slots[i].state == NASC_SLOT_COMPLETE) {
            memset(&slots[i], 0, sizeof slots[i]);
        }
    }
}

uint32_t nasc_store_capacity(void)
{
    return CAPACITY;
}

const nasc_slot_t *nasc_store_slot(uint32_t slot)
{
    return &slots[slot];
}

nasc_status_t nasc_store_begin(uint32_t bytes, const uint8_t sha256[32], uint32_t *next)
{
    nasc_slot_t *slot = &slots[spare()];
    *next = 0;
    if (bytes == 0 || bytes > CAPACITY) {
        return NASC_TOO_LARGE;
    }
    if ((slot->state == NASC_SLOT_RECEIVING || slot->state == NASC_SLOT_COMPLETE) && slot->bytes == bytes &&
        memcmp(slot->sha256, sha256, 32) == 0) {
        *next = slot->received;
        return NASC_OK;
    }
    memset(slot, 0, sizeof *slot);
    slot->state = NASC_SLOT_RECEIVING;
    slot->bytes = bytes;
    memcpy(slot->sha256, sha256, 32);
    return NASC_OK;
}

nasc_status_t nasc_store_write(uint32_t offset, const uint8_t *bytes, uint32_t count, uint32_t *next)
{
    nasc_slot_t *slot = &slots[spare()];
    uint8_t digest[32];
    *next = slot->received;
    if (slot->state != NASC_SLOT_RECEIVING || offset != slot->received) {
        return NASC_WRONG_OFFSET;
    }
    if (count > slot->bytes - slot->received) {
        return NASC_TOO_LARGE;
    }
    memcpy(plans[spare()] + offset, bytes, count);
    if (plans[spare()][0] == 0xFD) {
        return NASC_BUSY;
    }
    *next = slot->received += count;
    if (slot->received < slot->bytes) {
        return NASC_OK;
    }
    nasc_sha256(plans[spare()], slot->bytes, digest);
    if (memcmp(digest, slot->sha256, 32) != 0) {
        memset(slot, 0, sizeof *slot);
        *next = 0;
        return NASC_BAD_DIGEST;
    }
    slot->state = NASC_SLOT_COMPLETE;
    return NASC_OK;
}

nasc_status_t nasc_store_commit(const uint8_t sha256[32])
{
    int slot = spare();
    fault = "";
    if (nasc_store_select(sha256) == NASC_OK) {
        return NASC_OK;
    }
    if (slots[slot].state != NASC_SLOT_COMPLETE || memcmp(slots[slot].sha256, sha256, 32) != 0) {
        fault = "no complete plan has this digest";
        return NASC_UNKNOWN;
    }
    if (plans[slot][0] == 0xFF) {
        fault = "bounds of operator 3";
        return NASC_BAD_PLAN;
    }
    if (plans[slot][0] == 0xFE) {
        return NASC_GOLDEN_FAILED;
    }
    int active = find(NASC_SLOT_ACTIVE);
    slots[slot].sequence = active < 0 ? 1 : slots[active].sequence + 1;
    if (active >= 0) {
        slots[active].state = NASC_SLOT_PREVIOUS;
    }
    slots[slot].state = NASC_SLOT_ACTIVE;
    return NASC_OK;
}

nasc_status_t nasc_store_select(const uint8_t sha256[32])
{
    int active = find(NASC_SLOT_ACTIVE);
    return active >= 0 && memcmp(slots[active].sha256, sha256, 32) == 0 ? NASC_OK : NASC_UNKNOWN;
}

const char *nasc_store_fault(void)
{
    return fault;
}

nasc_status_t nasc_store_revert(void)
{
    int previous = find(NASC_SLOT_PREVIOUS), active = find(NASC_SLOT_ACTIVE);
    if (previous < 0) {
        return NASC_UNKNOWN;
    }
    slots[previous].state = NASC_SLOT_ACTIVE;
    slots[active].state = NASC_SLOT_PREVIOUS;
    return NASC_OK;
}

static bool has_head(void)
{
    return find(NASC_SLOT_ACTIVE) >= 0;
}

uint32_t nasc_head_operators(void)
{
    uint32_t bytes;
    const uint8_t *plan = doubles_active(&bytes);
    return plan != NULL && bytes > 1 ? plan[1] : 0;
}

uint32_t nasc_head_plan_crc32(void)
{
    return has_head() ? 5 : 0;
}

const char *nasc_head_operator_name(uint32_t index)
{
    return index % 2 ? "odd" : "block/tensor";
}

uint32_t nasc_head_input_bytes(void)
{
    return has_head() ? INPUT_BYTES : 0;
}

uint32_t nasc_head_output_bytes(void)
{
    return has_head() ? OUTPUT_BYTES : 0;
}

nasc_status_t nasc_head_write_input(uint32_t offset, const uint8_t *bytes, uint32_t count)
{
    if (!has_head()) {
        return NASC_NO_HEAD;
    }
    if (offset > INPUT_BYTES || count > INPUT_BYTES - offset) {
        return NASC_TOO_LARGE;
    }
    if (offset != 0 && offset > filled) {
        return NASC_WRONG_OFFSET;
    }
    memcpy(input + offset, bytes, count);
    filled = offset + count;
    return NASC_OK;
}

const int8_t *nasc_head_output(void)
{
    return has_head() ? output : NULL;
}

nasc_status_t nasc_head_prepare(void)
{
    memset(input, 1, sizeof input);
    filled = INPUT_BYTES;
    return has_head() ? NASC_OK : NASC_NO_HEAD;
}

nasc_status_t nasc_head_run(uint32_t *counts, uint32_t *whole)
{
    uint32_t bytes;
    const uint8_t *plan = doubles_active(&bytes);
    if (plan == NULL) {
        return NASC_NO_HEAD;
    }
    if (filled != INPUT_BYTES) {
        return NASC_WRONG_OFFSET;
    }
    filled = 0;
    *whole = 7;
    for (uint32_t i = 0; i < nasc_head_operators(); i++) {
        *whole += 1u << (i % 24);
        if (counts != NULL) {
            counts[i] = 1u << (i % 24);
        }
    }
    for (uint32_t i = 0; i < OUTPUT_BYTES; i++) {
        output[i] = (int8_t)(uint8_t)((uint8_t)input[3 * i] + plan[0]);
    }
    memset(input, 0, sizeof input); /* "The input is used up" */
    return NASC_OK;
}

uint32_t nasc_head_overhead(void)
{
    return 12;
}

uint32_t nasc_head_arena_used(void)
{
    return 40000;
}

uint32_t nasc_head_arena_bytes(void)
{
    return 65536;
}

const nasc_board_t *nasc_port_board(void)
{
    static const nasc_board_t board = {"host-double", "x86-64", 1000000000u, 131072, 1048576,
                                       {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255}};
    return &board;
}

const char *nasc_port_time_source(void)
{
    return "none";
}

uint8_t nasc_port_time_unit(void)
{
    return NASC_UNIT_TICKS;
}

uint32_t nasc_port_time_hz(void)
{
    return 1000000;
}
