/* What a window sees at one output pixel. */
#ifndef NASC_PATCH_H
#define NASC_PATCH_H

#include "kernels.h"

/* (kernel_height, kernel_width, in_channels); rows are contiguous, and pitch bytes apart. */
typedef struct {
    const int8_t *steps;
    uint32_t pitch;
} nasc_patch_t;

/* Points into the input where the whole window lies inside; else gathers, with in_zero for what lies outside. */
nasc_patch_t nasc_patch(const nasc_window_t *window, const int8_t *input, uint32_t y, uint32_t x, int8_t *scratch);

/* The same as one run of bytes, rows without gaps. Gathers unless the input holds them so. */
const int8_t *nasc_patch_contiguous(const nasc_window_t *window, const int8_t *input, uint32_t y, uint32_t x,
                                    int8_t *scratch);

/* Steps under one window: height x width x channels of the kernel. */
static inline uint32_t nasc_patch_steps(const nasc_window_t *window)
{
    return (uint32_t)window->kernel_height * window->kernel_width * window->in_channels;
}

#endif
