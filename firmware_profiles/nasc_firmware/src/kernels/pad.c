/* Margins around an image. */
#include "copy.h"
#include "kernels.h"

void nasc_pad(const nasc_window_t *window, const int8_t *input, int8_t *output)
{
    const uint32_t out_row = (uint32_t)window->out_width * window->in_channels;
    const uint32_t in_row = (uint32_t)window->in_width * window->in_channels;
    const uint32_t left = (uint32_t)window->pad_left * window->in_channels;
    for (uint32_t y = 0; y < window->out_height; y++, output += out_row) {
        const uint32_t row = y - window->pad_top; /* wraps above the input, and is too large then */
        if (row >= window->in_height) {
            nasc_fill(output, window->in_zero, out_row);
            continue;
        }
        nasc_fill(output, window->in_zero, left);
        nasc_copy(output + left, input + row * in_row, in_row);
        nasc_fill(output + left + in_row, window->in_zero, out_row - left - in_row);
    }
}
