/* What the sets' sizes.c share; the same sums as nasc_sdk/mcu/packing.py, in 64 bits. */
#ifndef NASC_SIZES_H
#define NASC_SIZES_H

#include <stdbool.h>

#include "kernels.h"

static inline uint64_t nasc_steps(const nasc_window_t *window)
{
    return (uint64_t)window->kernel_height * window->kernel_width * window->in_channels;
}

static inline uint64_t nasc_round_up(uint64_t value, uint32_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

/* Whether no window reaches over a border. */
static inline bool nasc_stays_inside(const nasc_window_t *window)
{
    return window->pad_top == 0 && window->pad_left == 0 &&
           (uint64_t)(window->out_height - 1) * window->stride_height + window->kernel_height <= window->in_height &&
           (uint64_t)(window->out_width - 1) * window->stride_width + window->kernel_width <= window->in_width;
}

/* Whether what each window sees is one run of the input's bytes. */
static inline bool nasc_is_contiguous(const nasc_window_t *window)
{
    return nasc_stays_inside(window) && (window->kernel_height == 1 || window->kernel_width == window->in_width);
}

/* 1 or 2: how many are worked on together. */
static inline uint64_t nasc_pixels(const nasc_window_t *window)
{
    return (uint64_t)window->out_height * window->out_width < 2 ? 1 : 2;
}

#endif
