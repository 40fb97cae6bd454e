/* Two head slots in flash, each a plan behind a commit record that is written last; store.c says how they survive a
 * power cut. All offsets are of the plan's bytes. */
#ifndef NASC_STORE_H
#define NASC_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

enum { NASC_SLOTS = 2 };

typedef enum {
    NASC_SLOT_EMPTY = 0,
    NASC_SLOT_RECEIVING = 1, /* an upload that is not complete; resumes while the board is powered */
    NASC_SLOT_COMPLETE = 2,  /* digest verified, not committed */
    NASC_SLOT_ACTIVE = 3,    /* committed; the one that runs */
    NASC_SLOT_PREVIOUS = 4   /* committed before the active one */
} nasc_slot_state_t;

typedef struct {
    nasc_slot_state_t state;
    uint32_t bytes;    /* of the whole plan */
    uint32_t received; /* so far */
    uint32_t sequence; /* of its commit record; 0 where there is none */
    uint8_t sha256[32];
} nasc_slot_t;

void nasc_store_open(void);
uint32_t nasc_store_capacity(void); /* bytes of the largest plan */
const nasc_slot_t *nasc_store_slot(uint32_t slot);

/* Prepares the slot that is not active. The same digest again resumes: *next is the first byte that is missing. */
nasc_status_t nasc_store_begin(uint32_t bytes, const uint8_t sha256[32], uint32_t *next);

/* Bytes must be the next ones; *next is what is expected then, also with NASC_WRONG_OFFSET. After the last one the
 * digest is checked: NASC_BAD_DIGEST empties the slot. */
nasc_status_t nasc_store_write(uint32_t offset, const uint8_t *bytes, uint32_t count, uint32_t *next);

/* Validates the complete plan with this digest, runs its golden input, and makes it the active one; on any failure
 * the active one stays. */
nasc_status_t nasc_store_commit(const uint8_t sha256[32]);

/* Why the last commit was refused, a few words for a person ("checksum"); "" after a success. */
const char *nasc_store_fault(void);

/* Runs the complete or committed plan with this digest from now on, until a reset; flash stays as it is. */
nasc_status_t nasc_store_select(const uint8_t sha256[32]);

/* Back to the previous slot. */
nasc_status_t nasc_store_revert(void);

#endif
