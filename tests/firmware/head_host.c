/* The firmware's plan reader and kernels on this machine, for sanitizers: plans and inputs from standard input, what
 * came of them to standard output.
 *
 * Request: plan length, input length (32 bits, little-endian), plan, input. Answer: fault, status, output length
 * (32 bits), output. The plan lies in memory of exactly its length. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "head.h"
#include "port.h"
#include "words.h"

enum { WROTE_OUTSIDE = 255 };

uint32_t nasc_port_now(void)
{
    static uint32_t now;
    return now++;
}

void nasc_port_feed(void)
{
}

static uint32_t read_word(void)
{
    uint8_t bytes[4];
    if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes) {
        exit(0);
    }
    return nasc_u32(bytes);
}

static void write_word(uint32_t word)
{
    uint8_t bytes[4];
    nasc_put_u32(bytes, word);
    fwrite(bytes, 1, sizeof bytes, stdout);
}

static uint8_t *read_bytes(uint32_t count)
{
    uint8_t *bytes = malloc(count ? count : 1);
    if (bytes == NULL || fread(bytes, 1, count, stdin) != count) {
        exit(2);
    }
    return bytes;
}

/* Runs the head where the input fits it, else its golden input; WROTE_OUTSIDE where that was more than its arena. */
static uint32_t run(const uint8_t *plan, const uint8_t *input, uint32_t input_bytes)
{
    uint32_t claimed = nasc_u32(plan + 32);
    nasc_status_t status;
    if (input_bytes == nasc_head_input_bytes()) {
        status = nasc_head_write_input(0, input, input_bytes);
        if (status == NASC_OK) {
            status = nasc_head_run(NULL, NULL);
        }
    } else {
        status = nasc_head_try();
    }
    return nasc_head_arena_used() <= claimed ? (uint32_t)status : (uint32_t)WROTE_OUTSIDE;
}

int main(void)
{
    for (;;) {
        uint32_t plan_bytes = read_word(), input_bytes = read_word();
        uint8_t *plan = read_bytes(plan_bytes), *input = read_bytes(input_bytes);
        nasc_plan_fault_t fault = nasc_head_load(plan, plan_bytes);
        uint32_t status = fault == NASC_PLAN_FINE ? run(plan, input, input_bytes) : (uint32_t)NASC_BAD_PLAN;
        write_word((uint32_t)fault);
        write_word(status);
        write_word(nasc_head_output_bytes());
        if (nasc_head_output_bytes()) {
            fwrite(nasc_head_output(), 1, nasc_head_output_bytes(), stdout);
        }
        fflush(stdout);
        nasc_head_unload();
        free(plan);
        free(input);
    }
}
