/* Two slots, each a sector for its commit record and the sectors of its plan.
 *
 * Begin erases the record of the slot that is not active, before anything of it changes; a commit writes it last, after
 * the plan's digest was read back from flash and its golden output was right. A record counts only with its CRC. So
 * after a power cut at any flash operation, the slot that was active still is, or the new one is, complete.
 * On start the record with the higher sequence wins, if its plan still loads and answers its golden input; else the
 * other one does. One whose trial ended in a reset, by a fault or by the watchdog, is left out at the next start, or the
 * board would never get beyond it.
 */
#include "store.h"

#include <string.h>

#include "digest/crc.h"
#include "digest/sha256.h"
#include "head.h"
#include "port.h"
#include "words.h"

enum {
    PAGE = 256,
    RECORD_MAGIC = 0x4443534E, /* "NSCD" */
    RECORD_BYTES = 52,
    RECORD_SEQUENCE = 4,
    RECORD_LENGTH = 8,
    RECORD_SHA256 = 12,
    RECORD_CRC = 48,
    ON_TRIAL = 0x4C495254, /* "TRIL" */
    NO_SLOT = NASC_SLOTS
};

static nasc_slot_t slots[NASC_SLOTS];
static uint32_t active = NO_SLOT;
static uint32_t loaded = NO_SLOT; /* the one that runs: the active one, unless another was selected */
static nasc_plan_fault_t last_fault;
/* Outlives a reset: the slot whose trial has begun and not ended. */
static volatile struct {
    uint32_t mark, slot;
} trial __attribute__((section(".noinit")));

static uint8_t page[PAGE]; /* bytes of the upload that do not fill a page yet */
static nasc_sha256_t uploaded; /* of the upload's pages, as flash gave them back */

static uint32_t start_of(uint32_t slot)
{
    return slot * (nasc_port_flash_bytes() / NASC_SLOTS);
}

static uint32_t plan_of(uint32_t slot)
{
    return start_of(slot) + nasc_port_flash_sector();
}

uint32_t nasc_store_capacity(void)
{
    return nasc_port_flash_bytes() / NASC_SLOTS - nasc_port_flash_sector();
}

const nasc_slot_t *nasc_store_slot(uint32_t slot)
{
    return slot < NASC_SLOTS ? &slots[slot] : NULL;
}

static void read_record(uint32_t slot)
{
    uint8_t record[RECORD_BYTES];
    nasc_slot_t *found = &slots[slot];
    memset(found, 0, sizeof *found);
    if (nasc_port_flash_read(start_of(slot), record, sizeof record) != NASC_OK ||
        nasc_u32(record) != RECORD_MAGIC || nasc_u32(record + RECORD_CRC) != nasc_crc32(0, record, RECORD_CRC) ||
        nasc_u32(record + RECORD_LENGTH) > nasc_store_capacity()) {
        return;
    }
    found->state = NASC_SLOT_PREVIOUS;
    found->sequence = nasc_u32(record + RECORD_SEQUENCE);
    found->bytes = found->received = nasc_u32(record + RECORD_LENGTH);
    memcpy(found->sha256, record + RECORD_SHA256, sizeof found->sha256);
}

static nasc_status_t write_record(uint32_t slot, uint32_t sequence)
{
    uint8_t record[PAGE], written[RECORD_BYTES];
    nasc_status_t status;
    memset(record, 0xFF, sizeof record);
    nasc_put_u32(record, RECORD_MAGIC);
    nasc_put_u32(record + RECORD_SEQUENCE, sequence);
    nasc_put_u32(record + RECORD_LENGTH, slots[slot].bytes);
    memcpy(record + RECORD_SHA256, slots[slot].sha256, sizeof slots[slot].sha256);
    memset(record + RECORD_SHA256 + 32, 0, RECORD_CRC - RECORD_SHA256 - 32);
    nasc_put_u32(record + RECORD_CRC, nasc_crc32(0, record, RECORD_CRC));
    status = nasc_port_flash_program(start_of(slot), record, sizeof record);
    if (status == NASC_OK) {
        status = nasc_port_flash_read(start_of(slot), written, sizeof written);
    }
    if (status != NASC_OK) {
        return status;
    }
    return memcmp(record, written, sizeof written) == 0 ? NASC_OK : NASC_FLASH_FAILED;
}

/* Above every record there is, also above one that this firmware cannot run. */
static uint32_t next_sequence(void)
{
    uint32_t first = slots[0].sequence, second = slots[1].sequence;
    return (first > second ? first : second) + 1;
}

static bool has_digest(uint32_t slot)
{
    uint8_t sha256[32];
    nasc_sha256(nasc_port_flash_map(plan_of(slot), slots[slot].bytes), slots[slot].bytes, sha256);
    return memcmp(sha256, slots[slot].sha256, sizeof sha256) == 0;
}

static nasc_status_t load(uint32_t slot)
{
    nasc_plan_fault_t fault =
        nasc_head_load(nasc_port_flash_map(plan_of(slot), slots[slot].bytes), slots[slot].bytes);
    last_fault = fault;
    if (fault == NASC_PLAN_PACKING) {
        return NASC_WRONG_BOARD;
    }
    if (fault == NASC_PLAN_ARENA) {
        return NASC_TOO_LARGE;
    }
    return fault == NASC_PLAN_FINE ? nasc_head_try() : NASC_BAD_PLAN;
}

/* Loads the slot's plan and runs its golden input. */
static nasc_status_t try_slot(uint32_t slot)
{
    nasc_status_t status;
    trial.slot = slot;
    trial.mark = ON_TRIAL;
    status = load(slot);
    trial.mark = 0;
    loaded = status == NASC_OK ? slot : (uint32_t)NO_SLOT;
    return status;
}

/* Runs the active slot again, or nothing. */
static void restore(void)
{
    nasc_plan_fault_t refused = last_fault;
    if (active == NO_SLOT || try_slot(active) != NASC_OK) {
        nasc_head_unload();
        loaded = NO_SLOT;
    }
    last_fault = refused;
}

static void activate(uint32_t slot)
{
    if (active != NO_SLOT && active != slot) {
        slots[active].state = NASC_SLOT_PREVIOUS;
    }
    slots[slot].state = NASC_SLOT_ACTIVE;
    active = slot;
}

void nasc_store_open(void)
{
    uint32_t first, ended_in_reset = trial.mark == ON_TRIAL ? trial.slot : (uint32_t)NO_SLOT;
    active = loaded = NO_SLOT;
    trial.mark = 0;
    read_record(0);
    read_record(1);
    first = slots[1].sequence > slots[0].sequence ? 1 : 0;
    for (uint32_t turn = 0; turn < NASC_SLOTS && active == NO_SLOT; turn++) {
        uint32_t slot = turn == 0 ? first : 1 - first;
        if (slot != ended_in_reset && slots[slot].state == NASC_SLOT_PREVIOUS && has_digest(slot) &&
            try_slot(slot) == NASC_OK) {
            activate(slot);
        }
    }
    if (active == NO_SLOT) {
        nasc_head_unload();
    }
}

static uint32_t spare(void)
{
    return active == 0 ? 1 : 0;
}

nasc_status_t nasc_store_begin(uint32_t bytes, const uint8_t sha256[32], uint32_t *next)
{
    uint32_t slot = spare(), sector = nasc_port_flash_sector();
    nasc_slot_t *chosen = &slots[slot];
    *next = 0;
    if (bytes == 0 || bytes > nasc_store_capacity()) {
        return NASC_TOO_LARGE;
    }
    if ((chosen->state == NASC_SLOT_RECEIVING || chosen->state == NASC_SLOT_COMPLETE) && chosen->bytes == bytes &&
        memcmp(chosen->sha256, sha256, 32) == 0) {
        *next = chosen->received;
        return NASC_OK;
    }
    if (loaded == slot) {
        restore();
    }
    memset(chosen, 0, sizeof *chosen);
    for (uint32_t at = 0; at < sector + bytes; at += sector) {
        nasc_status_t status = nasc_port_flash_erase(start_of(slot) + at);
        nasc_port_feed();
        if (status != NASC_OK) {
            return status;
        }
    }
    chosen->state = NASC_SLOT_RECEIVING;
    chosen->bytes = bytes;
    memcpy(chosen->sha256, sha256, 32);
    nasc_sha256_start(&uploaded);
    return NASC_OK;
}

/* The digest is taken page by page, while the next bytes arrive: at the end it would be a second without any. */
static nasc_status_t write_page(uint32_t slot, uint32_t end)
{
    uint32_t filled = end % PAGE ? end % PAGE : PAGE, start = plan_of(slot) + end - filled;
    memset(page + filled, 0xFF, PAGE - filled);
    nasc_status_t status = nasc_port_flash_program(start, page, PAGE);
    if (status == NASC_OK) {
        status = nasc_port_flash_read(start, page, filled);
    }
    nasc_sha256_add(&uploaded, page, filled);
    return status;
}

static bool is_as_announced(uint32_t slot)
{
    uint8_t sha256[NASC_SHA256_BYTES];
    nasc_sha256_finish(&uploaded, sha256);
    return memcmp(sha256, slots[slot].sha256, sizeof sha256) == 0;
}

nasc_status_t nasc_store_write(uint32_t offset, const uint8_t *bytes, uint32_t count, uint32_t *next)
{
    uint32_t slot = spare();
    nasc_slot_t *receiving = &slots[slot];
    *next = receiving->received;
    if (receiving->state != NASC_SLOT_RECEIVING || offset != receiving->received) {
        return NASC_WRONG_OFFSET;
    }
    if (count > receiving->bytes - receiving->received) {
        return NASC_TOO_LARGE;
    }
    for (uint32_t taken = 0; taken < count;) {
        uint32_t held = receiving->received % PAGE, room = PAGE - held;
        uint32_t part = count - taken < room ? count - taken : room;
        memcpy(page + held, bytes + taken, part);
        taken += part;
        receiving->received += part;
        if (part == room || receiving->received == receiving->bytes) {
            nasc_status_t status = write_page(slot, receiving->received);
            if (status != NASC_OK) {
                memset(receiving, 0, sizeof *receiving);
                return status;
            }
        }
    }
    *next = receiving->received;
    if (receiving->received == receiving->bytes) {
        if (!is_as_announced(slot)) {
            memset(receiving, 0, sizeof *receiving);
            return NASC_BAD_DIGEST;
        }
        receiving->state = NASC_SLOT_COMPLETE;
    }
    return NASC_OK;
}

nasc_status_t nasc_store_commit(const uint8_t sha256[32])
{
    uint32_t slot = spare();
    nasc_status_t status;
    if (active != NO_SLOT && memcmp(slots[active].sha256, sha256, 32) == 0) {
        return nasc_store_select(sha256); /* said twice */
    }
    if (slots[slot].state != NASC_SLOT_COMPLETE || memcmp(slots[slot].sha256, sha256, 32) != 0) {
        return NASC_UNKNOWN;
    }
    status = try_slot(slot);
    if (status == NASC_OK) {
        slots[slot].sequence = next_sequence();
        status = write_record(slot, slots[slot].sequence);
    }
    if (status != NASC_OK) {
        memset(&slots[slot], 0, sizeof slots[slot]);
        restore();
        return status;
    }
    activate(slot);
    return NASC_OK;
}

nasc_status_t nasc_store_select(const uint8_t sha256[32])
{
    for (uint32_t slot = 0; slot < NASC_SLOTS; slot++) {
        if (slots[slot].state >= NASC_SLOT_COMPLETE && memcmp(slots[slot].sha256, sha256, 32) == 0) {
            nasc_status_t status = slot == loaded ? NASC_OK : try_slot(slot);
            if (status != NASC_OK) {
                restore();
            }
            return status;
        }
    }
    return NASC_UNKNOWN;
}

const char *nasc_store_fault(void)
{
    return nasc_plan_fault_text(last_fault);
}

nasc_status_t nasc_store_revert(void)
{
    uint32_t slot = spare();
    nasc_status_t status;
    if (active == NO_SLOT || slots[slot].state != NASC_SLOT_PREVIOUS || !has_digest(slot)) {
        return NASC_UNKNOWN;
    }
    status = try_slot(slot);
    if (status == NASC_OK) {
        slots[slot].sequence = next_sequence();
        status = nasc_port_flash_erase(start_of(slot));
    }
    if (status == NASC_OK) {
        status = write_record(slot, slots[slot].sequence);
    }
    if (status != NASC_OK) {
        restore();
        return status;
    }
    activate(slot);
    return NASC_OK;
}
