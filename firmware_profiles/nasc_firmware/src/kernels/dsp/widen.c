/* Widens the steps under a window from int8 to int16. */
#include "widen.h"

#include "../copy.h"
#include "../patch.h"
#include "instructions.h"

/* One word of four steps, in a register, to two words of lanes. */
#define WIDEN(four)                                                                                                    \
    "sxtb16 %[even], " four "\n\t"                                                                                     \
    "sxtb16 " four ", " four ", ror #8\n\t"                                                                            \
    "strd %[even], " four ", [%[lanes]]\n\t"                                                                           \
    "add %[lanes], %[lanes], %[pitch], lsl #2\n\t"

/* words: of four steps each, aligned to 4. Returns where the next go. */
static inline uint32_t *widen(const int8_t *steps, uint32_t words, uint32_t *lanes, uint32_t pitch)
{
    uint32_t even;
    for (const int8_t *const end = steps + (words & ~UINT32_C(3)) * 4; steps != end;) {
        __asm__ volatile("ldmia %[steps]!, {r2, r3, r4, r5}\n\t" WIDEN("r2") WIDEN("r3") WIDEN("r4") WIDEN("r5")
                         : [steps] "+r"(steps), [lanes] "+r"(lanes), [even] "=&r"(even)
                         : [pitch] "r"(pitch)
                         : "r2", "r3", "r4", "r5", "memory");
    }
    for (words &= 3; words != 0; words--, steps += 4, lanes += pitch) {
        const uint32_t four = nasc_load_word(steps);
        lanes[0] = nasc_widen_even(four);
        lanes[1] = nasc_widen_odd(four);
    }
    return lanes;
}

static inline uint32_t *fill(uint32_t value, uint32_t words, uint32_t *lanes, uint32_t pitch)
{
    for (; words != 0; words--, lanes += pitch) {
        lanes[0] = value;
        lanes[1] = value;
    }
    return lanes;
}

/* in_channels is a multiple of 4, so borders lie between words. */
static void widen_rows(const nasc_window_t *window, const int8_t *input, int32_t y, int32_t x, uint32_t *lanes,
                       uint32_t pitch)
{
    const uint32_t words = window->in_channels / 4u;
    const int32_t width = window->kernel_width;
    const int32_t first = x < 0 ? 0 : x;
    const int32_t end = x + width > window->in_width ? window->in_width : x + width;
    const uint32_t zero = ((uint32_t)(int32_t)window->in_zero & 0xffffu) * 0x10001u;
    for (int32_t row = y; row < y + window->kernel_height; row++) {
        if (row < 0 || row >= window->in_height || end <= first) {
            lanes = fill(zero, (uint32_t)width * words, lanes, pitch);
            continue;
        }
        const int8_t *steps = input + (row * window->in_width + first) * window->in_channels;
        lanes = fill(zero, (uint32_t)(first - x) * words, lanes, pitch);
        lanes = widen(steps, (uint32_t)(end - first) * words, lanes, pitch);
        lanes = fill(zero, (uint32_t)(x + width - end) * words, lanes, pitch);
    }
}

void nasc_widen_patch(const nasc_window_t *window, const int8_t *input, uint32_t y, uint32_t x, uint32_t *lanes,
                      uint32_t pitch, int8_t *bytes)
{
    if (window->in_channels % 4u == 0) {
        widen_rows(window, input, (int32_t)(y * window->stride_height) - window->pad_top,
                   (int32_t)(x * window->stride_width) - window->pad_left, lanes, pitch);
        return;
    }
    const nasc_patch_t patch = nasc_patch(window, input, y, x, bytes);
    if (patch.steps != bytes) {
        /* Copied, because the last word may reach past the input. */
        const uint32_t row = (uint32_t)window->kernel_width * window->in_channels;
        for (uint32_t ky = 0; ky < window->kernel_height; ky++) {
            nasc_copy(bytes + ky * row, patch.steps + ky * patch.pitch, row);
        }
    }
    widen(bytes, nasc_padded_steps(window) / 4, lanes, pitch);
}
