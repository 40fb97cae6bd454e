/* The firmware's store on this machine, its flash a file, the power cut at a chosen flash operation.
 *
 *     store-host IMAGE CUT TORN [PLAN...]
 *
 * Opens the store and updates to each plan in turn. Before the flash operation of the number CUT (from 0; -1: none) the
 * process ends with status 99, having done half of it where TORN is 1; where it is 2 the flash only stays busy. Says at
 * last which head is active, by its SHA-256, and what a trial run of it gives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest/sha256.h"
#include "head.h"
#include "port.h"
#include "store.h"

enum { FLASH_BYTES = 1 << 18, SECTOR = 4096, CUT_STATUS = 99, CHUNK = 100 };

static uint8_t flash[FLASH_BYTES];
static const char *image;
static long cut;
static int torn;
static long operations;

uint32_t nasc_port_now(void)
{
    return 0;
}

void nasc_port_feed(void)
{
}

uint32_t nasc_port_flash_bytes(void)
{
    return FLASH_BYTES;
}

uint32_t nasc_port_flash_sector(void)
{
    return SECTOR;
}

static void save(void)
{
    FILE *file = fopen(image, "wb");
    if (file == NULL || fwrite(flash, 1, sizeof flash, file) != sizeof flash || fclose(file)) {
        exit(2);
    }
}

/* Whether it is the chosen operation that the flash does not come back from. */
static int stays_busy(void)
{
    if (torn != 2 || operations != cut) {
        return 0;
    }
    operations++;
    return 1;
}

/* How much of an operation of count bytes is done: all, or what the power cut leaves of it. */
static uint32_t done_of(uint32_t count)
{
    if (operations++ != cut) {
        return count;
    }
    return torn ? count / 2 : 0;
}

static void end_if_cut(uint32_t done, uint32_t count)
{
    if (done != count) {
        save();
        printf("%ld operations\n", operations);
        fflush(stdout);
        _exit(CUT_STATUS);
    }
}

nasc_status_t nasc_port_flash_read(uint32_t offset, void *bytes, uint32_t count)
{
    memcpy(bytes, flash + offset, count);
    return NASC_OK;
}

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    if (stays_busy()) {
        return NASC_BUSY;
    }
    uint32_t done = done_of(SECTOR);
    memset(flash + offset, 0xFF, done);
    end_if_cut(done, SECTOR);
    return NASC_OK;
}

/* As NOR does: bits only go from 1 to 0. */
nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    if (stays_busy()) {
        return NASC_BUSY;
    }
    uint32_t done = done_of(count);
    for (uint32_t place = 0; place < done; place++) {
        flash[offset + place] &= ((const uint8_t *)bytes)[place];
    }
    end_if_cut(done, count);
    return NASC_OK;
}

const uint8_t *nasc_port_flash_map(uint32_t offset, uint32_t count)
{
    (void)count;
    return flash + offset;
}

static nasc_status_t update(const char *path)
{
    static uint8_t plan[FLASH_BYTES];
    FILE *file = fopen(path, "rb");
    uint32_t length = file == NULL ? 0 : (uint32_t)fread(plan, 1, sizeof plan, file), next = 0;
    uint8_t sha256[NASC_SHA256_BYTES];
    nasc_status_t status;
    if (file != NULL) {
        fclose(file);
    }
    nasc_sha256(plan, length, sha256);
    status = nasc_store_begin(length, sha256, &next);
    while (status == NASC_OK && next < length) {
        uint32_t count = length - next < CHUNK ? length - next : CHUNK;
        status = nasc_store_write(next, plan + next, count, &next);
    }
    return status == NASC_OK ? nasc_store_commit(sha256) : status;
}

int main(int count, char **words)
{
    FILE *file;
    image = words[1];
    cut = atol(words[2]);
    torn = atoi(words[3]);
    memset(flash, 0xFF, sizeof flash);
    file = fopen(image, "rb");
    if (file != NULL) {
        if (fread(flash, 1, sizeof flash, file) != sizeof flash) {
            return 2;
        }
        fclose(file);
    }
    nasc_store_open();
    for (int place = 4; place < count; place++) {
        if (strcmp(words[place], "revert") == 0) {
            printf("revert %d\n", nasc_store_revert());
        } else {
            printf("update %d\n", update(words[place]));
        }
    }
    save();
    printf("%ld operations\n", operations);
    for (uint32_t slot = 0; slot < NASC_SLOTS; slot++) {
        if (nasc_store_slot(slot)->state == NASC_SLOT_ACTIVE) {
            printf("active ");
            for (int place = 0; place < NASC_SHA256_BYTES; place++) {
                printf("%02x", nasc_store_slot(slot)->sha256[place]);
            }
            printf(" trial %d\n", nasc_head_try());
        }
    }
    return 0;
}
