/* Runs the active plan, operator by operator; the only file that knows both plans and kernels. */
#include "head.h"

#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "digest/crc.h"
#include "plan.h"
#include "port.h"

/* What the arena is filled with when a head is loaded: bytes that differ from it were written. */
enum { UNTOUCHED = 0xA5 };

static nasc_plan_t plan;
static bool loaded;
static uint32_t filled; /* bytes of the input that were written since it was used up */

static void run_operator(const nasc_operator_t *op)
{
    const int8_t *input = nasc_arena + op->input;
    int8_t *output = nasc_arena + op->output;
    void *scratch = nasc_arena + op->scratch;
    const uint8_t *weights = plan.bytes + op->weights;
    /* Channels lie in the plan as nasc_channel_t does in memory: every supported core is little-endian. */
    const nasc_channel_t *channels = (const nasc_channel_t *)(const void *)(plan.bytes + op->channels);
    switch (op->code) {
    case NASC_CONVOLVE:
        nasc_convolve(&op->window, input, weights, channels, output, scratch);
        break;
    case NASC_CONVOLVE_DEPTHWISE:
        nasc_convolve_depthwise(&op->window, input, weights, channels, output, scratch);
        break;
    case NASC_AVERAGE_POOL:
        nasc_average_pool(&op->window, input, output);
        break;
    case NASC_ADD: {
        const int8_t *second = op->second_is_constant ? (const int8_t *)plan.bytes : nasc_arena;
        nasc_add_t add = {op->scales[0],       op->scales[1],    op->scales[2],   op->window.in_zero,
                          op->second_zero,     op->window.out_zero, op->window.low, op->window.high};
        nasc_add(&add, input, second + op->second, output, op->count, op->second_count);
        break;
    }
    case NASC_RESCALE: {
        nasc_rescale_t rescale = {op->scales[0], op->window.in_zero, op->window.out_zero, op->window.low,
                                  op->window.high};
        nasc_rescale(&rescale, input, output, op->count);
        break;
    }
    case NASC_PAD:
        nasc_pad(&op->window, input, output);
        break;
    case NASC_COPY:
        memcpy(output, input, op->count);
        break;
    }
}

nasc_plan_fault_t nasc_head_load(const uint8_t *bytes, uint32_t length)
{
    nasc_plan_fault_t fault = nasc_plan_open(&plan, bytes, length, nasc_arena_bytes);
    loaded = fault == NASC_PLAN_FINE;
    filled = 0;
    if (loaded) {
        memset(nasc_arena, UNTOUCHED, nasc_arena_bytes);
    }
    return fault;
}

void nasc_head_unload(void)
{
    loaded = false;
}

nasc_status_t nasc_head_prepare(void)
{
    uint32_t state = plan.golden_seed;
    if (!loaded) {
        return NASC_NO_HEAD;
    }
    /* One byte a step of xorshift32 (Marsaglia), as golden_input of nasc_sdk/mcu/plan.py. */
    for (uint32_t place = 0; place < plan.input_bytes; place++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        nasc_arena[plan.input + place] = (int8_t)(state >> 24);
    }
    filled = plan.input_bytes;
    return NASC_OK;
}

nasc_status_t nasc_head_write_input(uint32_t offset, const uint8_t *bytes, uint32_t count)
{
    if (!loaded) {
        return NASC_NO_HEAD;
    }
    if (offset > plan.input_bytes || count > plan.input_bytes - offset) {
        return NASC_TOO_LARGE;
    }
    if (offset != 0 && offset > filled) {
        return NASC_WRONG_OFFSET;
    }
    memcpy(nasc_arena + plan.input + offset, bytes, count);
    filled = offset + count;
    return NASC_OK;
}

nasc_status_t nasc_head_try(void)
{
    nasc_status_t status = nasc_head_prepare();
    if (status == NASC_OK) {
        status = nasc_head_run(NULL, NULL);
    }
    if (status != NASC_OK) {
        return status;
    }
    return nasc_crc32(0, (const uint8_t *)nasc_head_output(), plan.output_bytes) == plan.golden_crc32
               ? NASC_OK
               : NASC_GOLDEN_FAILED;
}

nasc_status_t nasc_head_run(uint32_t *counts, uint32_t *whole)
{
    uint32_t started;
    if (!loaded) {
        return NASC_NO_HEAD;
    }
    if (filled != plan.input_bytes) {
        return NASC_WRONG_OFFSET;
    }
    filled = 0;
    started = nasc_port_now();
    for (uint32_t index = 0; index < plan.operators; index++) {
        nasc_operator_t op;
        uint32_t before;
        nasc_port_feed();
        before = nasc_port_now();
        nasc_plan_operator(&plan, index, &op);
        run_operator(&op);
        if (counts != NULL) {
            counts[index] = nasc_port_now() - before;
        }
    }
    if (whole != NULL) {
        *whole = nasc_port_now() - started;
    }
    return NASC_OK;
}

uint32_t nasc_head_overhead(void)
{
    uint32_t before = nasc_port_now();
    return nasc_port_now() - before;
}

uint32_t nasc_head_operators(void)
{
    return loaded ? plan.operators : 0;
}

const char *nasc_head_operator_name(uint32_t index)
{
    nasc_operator_t op;
    nasc_plan_operator(&plan, index, &op);
    return op.name;
}

uint32_t nasc_head_plan_crc32(void)
{
    return loaded ? plan.crc32 : 0;
}

uint32_t nasc_head_input_bytes(void)
{
    return loaded ? plan.input_bytes : 0;
}

uint32_t nasc_head_output_bytes(void)
{
    return loaded ? plan.output_bytes : 0;
}

const int8_t *nasc_head_output(void)
{
    return loaded ? nasc_arena + plan.output : NULL;
}

uint32_t nasc_head_arena_used(void)
{
    uint32_t used = loaded ? nasc_arena_bytes : 0;
    while (used > 0 && (uint8_t)nasc_arena[used - 1] == UNTOUCHED) {
        used--;
    }
    return used;
}

uint32_t nasc_head_arena_bytes(void)
{
    return nasc_arena_bytes;
}
