/* A plan: a compiled head, read where it lies in flash. The layout is that of nasc_sdk/mcu/plan.py. */
#ifndef NASC_PLAN_H
#define NASC_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/kernels.h"

enum { NASC_PLAN_VERSION = 1, NASC_PLAN_HEADER = 96, NASC_PLAN_OPERATOR = 64, NASC_MOST_OPERATORS = 256 };

/* Why a plan is refused; hosts are told in words (nasc_plan_fault_text). */
typedef enum {
    NASC_PLAN_FINE = 0,
    NASC_PLAN_TOO_SHORT = 1,
    NASC_PLAN_NOT_ONE = 2,       /* magic */
    NASC_PLAN_VERSION_UNKNOWN = 3,
    NASC_PLAN_LENGTH = 4,        /* not the length that was received */
    NASC_PLAN_CHECKSUM = 5,
    NASC_PLAN_PACKING = 6,       /* for another kernel set */
    NASC_PLAN_ARENA = 7,         /* needs more than there is */
    NASC_PLAN_TABLES = 8,        /* operators or names outside the plan */
    NASC_PLAN_CODE = 9,          /* an operator that is not known */
    NASC_PLAN_SHAPE = 10,        /* sizes that do not fit each other */
    NASC_PLAN_TENSOR = 11,       /* outside the arena, not aligned, or overlapping */
    NASC_PLAN_CONSTANT = 12,     /* weights, channels or constants outside the plan, or of another size */
    NASC_PLAN_SCALE = 13,        /* multiplier or shift out of range */
    NASC_PLAN_NAME = 14,
    NASC_PLAN_WORK = 15 /* takes longer than anybody waits */
} nasc_plan_fault_t;

typedef enum {
    NASC_CONVOLVE = 1,
    NASC_CONVOLVE_DEPTHWISE = 2,
    NASC_AVERAGE_POOL = 3,
    NASC_ADD = 4,
    NASC_RESCALE = 5,
    NASC_PAD = 6,
    NASC_COPY = 7
} nasc_code_t;

/* A plan that nasc_plan_open found fine; points into flash. */
typedef struct {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t operators;
    uint32_t arena_bytes;
    uint32_t input, input_bytes, output, output_bytes; /* offsets in the arena */
    uint32_t crc32;
    uint32_t golden_seed, golden_crc32;
    uint32_t names, names_bytes;
} nasc_plan_t;

/* One operator, decoded. Offsets: input, output, second and scratch in the arena; weights, channels and constant in
 * the plan. */
typedef struct {
    nasc_code_t code;
    const char *name;
    uint32_t input, output;
    nasc_window_t window;
    uint32_t weights, weights_bytes, channels;
    uint32_t scratch, scratch_bytes;
    uint32_t count;                /* elements of the output, where no window moves */
    uint32_t second, second_count; /* of ADD */
    bool second_is_constant;
    nasc_scale_t scales[3];
    int8_t second_zero;
} nasc_operator_t;

/* Checks everything, so that running the plan reads and writes nothing outside the plan and an arena of arena_bytes,
 * whatever the bytes are. bytes must be aligned to 4. */
nasc_plan_fault_t nasc_plan_open(nasc_plan_t *plan, const uint8_t *bytes, uint32_t length, uint32_t arena_bytes);

/* A few words for a person; "" for NASC_PLAN_FINE. */
const char *nasc_plan_fault_text(nasc_plan_fault_t fault);

/* Decodes one operator of an opened plan; index < plan->operators. */
void nasc_plan_operator(const nasc_plan_t *plan, uint32_t index, nasc_operator_t *op);

#endif
