/* Taps and rows of the depthwise convolution as pairs of int16. */
#include <stdbool.h>

#include "depthwise.h"
#include "instructions.h"

void nasc_depthwise_widen_taps(const nasc_depthwise_t *depthwise, const int8_t *weights, uint32_t count)
{
    const int32_t width = depthwise->window->kernel_width;
    uint32_t *words = depthwise->taps;
    for (uint32_t row = 0; row < count * depthwise->window->kernel_height; row++, weights += width) {
        for (int32_t shift = 0; shift < 2; shift++) {
            const int32_t end = 2 * (int32_t)depthwise->words - shift;
            for (int32_t tap = -shift; tap < end; tap += 2) {
                const int32_t low = tap >= 0 && tap < width ? weights[tap] : 0;
                const int32_t high = tap + 1 < width ? weights[tap + 1] : 0;
                *words++ = nasc_pack_bottom((uint32_t)low, (uint32_t)high);
            }
        }
    }
}

/* Two neighbouring columns of four channels to one word of each channel's row. */
static inline void transpose(uint32_t left, uint32_t right, uint32_t *lanes)
{
    const uint32_t left_even = nasc_widen_even(left), right_even = nasc_widen_even(right);
    const uint32_t left_odd = nasc_widen_odd(left), right_odd = nasc_widen_odd(right);
    lanes[0] = nasc_pack_bottom(left_even, right_even);
    lanes[1] = nasc_pack_bottom(left_odd, right_odd);
    lanes[2] = nasc_pack_top(left_even, right_even);
    lanes[3] = nasc_pack_top(left_odd, right_odd);
}

typedef struct {
    const int8_t *steps; /* column 0 of the row, first channel of the block */
    uint32_t pitch;
    uint32_t width;
    uint32_t count; /* channels of the block */
    uint32_t zero;  /* four channels of padding */
} row_t;

/* Four channels, or byte by byte where there are fewer, since a word may reach past the input. */
static uint32_t load_column(const row_t *row, uint32_t x)
{
    if (x >= row->width) { /* also left of the input, where x has wrapped */
        return row->zero;
    }
    const int8_t *steps = row->steps + x * row->pitch;
    if (row->count == NASC_DEPTHWISE_BLOCK) {
        return nasc_load_word(steps);
    }
    uint32_t word = 0;
    for (uint32_t c = 0; c < row->count; c++) {
        word |= (uint32_t)(uint8_t)steps[c] << (8 * c);
    }
    return word;
}

/* Columns x and x + 1, and so on for `words` words. */
static uint32_t *widen_columns(const row_t *row, uint32_t x, uint32_t words, uint32_t *lanes)
{
    for (; words != 0; words--, x += 2, lanes += NASC_DEPTHWISE_BLOCK) {
        transpose(load_column(row, x), load_column(row, x + 1), lanes);
    }
    return lanes;
}

static uint32_t *widen_columns_inside(const row_t *row, uint32_t x, uint32_t words, uint32_t *lanes)
{
    const uint32_t pitch = row->pitch;
    const int8_t *steps = row->steps + x * pitch;
    for (uint32_t *const end = lanes + words * NASC_DEPTHWISE_BLOCK; lanes != end; lanes += NASC_DEPTHWISE_BLOCK) {
        transpose(nasc_load_word(steps), nasc_load_word(steps + pitch), lanes);
        steps += 2 * pitch;
    }
    return lanes;
}

void nasc_depthwise_widen_row(const nasc_depthwise_t *depthwise, const int8_t *input, uint32_t count, uint32_t row)
{
    const nasc_window_t *window = depthwise->window;
    const uint32_t left = window->pad_left, words = depthwise->row_words;
    uint32_t *lanes = nasc_depthwise_row(depthwise, row);
    const uint32_t y = row - window->pad_top; /* wraps above the input, and is too large then */
    const bool is_inside = y < window->in_height;
    const row_t from = {
        input + (is_inside ? y * window->in_width * window->in_channels : 0), window->in_channels,
        is_inside ? window->in_width : 0u, count, (uint8_t)window->in_zero * UINT32_C(0x01010101),
    };
    /* Words before the first and after the last that lie in the input with both columns. */
    const uint32_t first = (left + 1) / 2, reach = (left + from.width) / 2;
    const uint32_t end = reach < words ? reach : words;
    if (count != NASC_DEPTHWISE_BLOCK || first >= end) {
        widen_columns(&from, 0u - left, words, lanes);
        return;
    }
    lanes = widen_columns(&from, 0u - left, first, lanes);
    lanes = widen_columns_inside(&from, 2 * first - left, end - first, lanes);
    widen_columns(&from, 2 * end - left, words - end, lanes);
}
