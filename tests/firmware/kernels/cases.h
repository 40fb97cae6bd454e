/* Kernel calls as data: tests/firmware/kernels/cases.py writes them, host.c and cortex_m.c run them. */
#ifndef NASC_TEST_CASES_H
#define NASC_TEST_CASES_H

#include <stdint.h>

#include "kernels.h"

enum { CONVOLVE = 0, CONVOLVE_DEPTHWISE = 1, AVERAGE_POOL = 2, ADD = 3, RESCALE = 4, PAD = 5 };
enum { INPUT = 0, SECOND = 1, WEIGHTS = 2, CHANNELS = 3, OUTPUT = 4, SCRATCH = 5, REGIONS = 6 };

typedef struct {
    uint32_t operator;
    uint32_t at[REGIONS]; /* offsets from the file's start, multiples of 16 */
    uint32_t bytes[REGIONS];
    uint32_t ticks; /* what the call took; written by the program */
    nasc_scale_t scales[3];
    nasc_window_t window; /* its zero points and limits also those of ADD and RESCALE */
    int8_t second_zero, unused;
} case_t;

/* The file: this, the cases, their regions. */
typedef struct {
    uint32_t bytes; /* of the whole file */
    uint32_t count;
    uint32_t case_bytes; /* sizeof(case_t), by which both sides know that they mean the same */
    uint32_t known_instructions, known_ticks; /* of a loop of known length; written by the program */
    uint32_t unused[3];
} cases_t;

void run_case(const case_t *given, void *const regions[REGIONS]);

#endif
