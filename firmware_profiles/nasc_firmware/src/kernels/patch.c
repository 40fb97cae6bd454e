/* Gathers what a window sees, so that the loops that multiply know nothing of borders. */
#include <stdbool.h>

#include "copy.h"
#include "patch.h"

typedef struct {
    int32_t y, x;
} corner_t;

static corner_t corner(const nasc_window_t *window, uint32_t y, uint32_t x)
{
    const corner_t at = {(int32_t)(y * window->stride_height) - window->pad_top,
                         (int32_t)(x * window->stride_width) - window->pad_left};
    return at;
}

static bool is_inside(const nasc_window_t *window, corner_t at)
{
    return at.y >= 0 && at.x >= 0 && at.y + window->kernel_height <= window->in_height &&
           at.x + window->kernel_width <= window->in_width;
}

static const int8_t *pixel(const nasc_window_t *window, const int8_t *input, int32_t y, int32_t x)
{
    return input + (y * window->in_width + x) * window->in_channels;
}

static void gather(const nasc_window_t *window, const int8_t *input, corner_t at, int8_t *patch)
{
    const uint32_t channels = window->in_channels;
    const int32_t width = window->kernel_width, in_width = window->in_width, in_height = window->in_height;
    const int8_t zero = window->in_zero;
    const int32_t first = at.x < 0 ? 0 : at.x;
    const int32_t end = at.x + width > in_width ? in_width : at.x + width;
    const uint32_t left = (uint32_t)(first - at.x) * channels;
    const uint32_t middle = end > first ? (uint32_t)(end - first) * channels : 0;
    const uint32_t row = (uint32_t)width * channels;
    const int8_t *from = pixel(window, input, at.y, first);
    const int32_t last = at.y + window->kernel_height;
    for (int32_t y = at.y; y < last; y++, patch += row, from += in_width * (int32_t)channels) {
        const bool is_outside = y < 0 || y >= in_height || middle == 0;
        if (is_outside || middle < row) {
            nasc_fill(patch, zero, row);
        }
        if (!is_outside) {
            nasc_copy(patch + left, from, middle);
        }
    }
}

nasc_patch_t nasc_patch(const nasc_window_t *window, const int8_t *input, uint32_t y, uint32_t x, int8_t *scratch)
{
    const corner_t at = corner(window, y, x);
    nasc_patch_t patch = {scratch, (uint32_t)window->kernel_width * window->in_channels};
    if (is_inside(window, at)) {
        patch.steps = pixel(window, input, at.y, at.x);
        patch.pitch = (uint32_t)window->in_width * window->in_channels;
    } else {
        gather(window, input, at, scratch);
    }
    return patch;
}

const int8_t *nasc_patch_contiguous(const nasc_window_t *window, const int8_t *input, uint32_t y, uint32_t x,
                                    int8_t *scratch)
{
    const corner_t at = corner(window, y, x);
    const bool rows_touch = window->kernel_height == 1 || window->kernel_width == window->in_width;
    if (rows_touch && is_inside(window, at)) {
        return pixel(window, input, at.y, at.x);
    }
    gather(window, input, at, scratch);
    return scratch;
}
