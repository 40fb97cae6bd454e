#include "../sizes.h"

uint64_t nasc_convolve_weights_bytes(const nasc_window_t *window)
{
    return nasc_round_up(window->out_channels, 2) * nasc_round_up(nasc_steps(window), 4);
}

uint64_t nasc_convolve_scratch_bytes(const nasc_window_t *window)
{
    const uint64_t padded = nasc_round_up(nasc_steps(window), 4);
    return 2 * nasc_pixels(window) * padded + (window->in_channels % 4 ? padded : 0);
}

uint64_t nasc_convolve_depthwise_weights_bytes(const nasc_window_t *window)
{
    return nasc_steps(window);
}

/* Sums of a row, taps of four channels, and a ring of rows of four channels: depthwise.h. */
uint64_t nasc_convolve_depthwise_scratch_bytes(const nasc_window_t *window)
{
    const uint64_t sums = nasc_round_up(window->out_width, 2);
    const uint64_t words = window->kernel_width / 2u + 1;
    const uint64_t row = (sums - 1) * window->stride_width / 2 + words;
    return 4 * (sums + 4 * window->kernel_height * (2 * words + row));
}
