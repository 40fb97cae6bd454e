/* The steps under a window as int16, in the order that the multiplication reads them. */
#ifndef NASC_DSP_WIDEN_H
#define NASC_DSP_WIDEN_H

#include "../kernels.h"

/* Four steps take two words, (0, 2) and (1, 3): what SXTB16 makes of one word, of weights as of steps, so that no
 * lanes need to be moved. Each such pair of words goes `pitch` words after the one before, which leaves room for a
 * second pixel between them. bytes: room for one patch of int8, used where in_channels is not a multiple of 4. */
void nasc_widen_patch(const nasc_window_t *window, const int8_t *input, uint32_t y, uint32_t x, uint32_t *lanes,
                      uint32_t pitch, int8_t *bytes);

/* Steps under a window, rounded up to whole words; weights are 0 in what is added. */
static inline uint32_t nasc_padded_steps(const nasc_window_t *window)
{
    return ((uint32_t)window->kernel_height * window->kernel_width * window->in_channels + 3) & ~UINT32_C(3);
}

#endif
