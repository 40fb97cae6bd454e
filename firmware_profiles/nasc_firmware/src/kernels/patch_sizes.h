/* Sizes of the sets that read weights without padding and gather patches of bytes: included once by each of them. */
#ifndef NASC_PATCH_SIZES_H
#define NASC_PATCH_SIZES_H

#include "sizes.h"

uint64_t nasc_convolve_weights_bytes(const nasc_window_t *window)
{
    return window->out_channels * nasc_steps(window);
}

uint64_t nasc_convolve_scratch_bytes(const nasc_window_t *window)
{
    return nasc_is_contiguous(window) ? 0 : nasc_pixels(window) * nasc_steps(window);
}

uint64_t nasc_convolve_depthwise_weights_bytes(const nasc_window_t *window)
{
    return nasc_steps(window);
}

uint64_t nasc_convolve_depthwise_scratch_bytes(const nasc_window_t *window)
{
    return nasc_stays_inside(window) ? 0 : nasc_steps(window);
}

#endif
