/* requantize.h for many sums of one channel, in assembly because all 14 registers are needed. */
#include "requantize_row.h"

/* Two outputs a turn, for channels that are shifted to the right; returns where the next output goes. */
static int8_t *requantize_pairs(const int32_t *sums, const int32_t *end, const nasc_rounding_t *rounding,
                                const nasc_limits_t *limits, int8_t *output, uint32_t pitch)
{
    int32_t a, b;
    __asm__ volatile(
        "1: ldrd %[a], %[b], [%[sums]], #8\n\t"
        "add %[a], %[a], %[bias]\n\t"
        "add %[b], %[b], %[bias]\n\t"
        "lsl %[a], %[a], %[left]\n\t"
        "lsl %[b], %[b], %[left]\n\t"
        "smmulr %[a], %[a], %[multiplier]\n\t"
        "smmulr %[b], %[b], %[multiplier]\n\t"
        "add %[a], %[a], %[a], asr #31\n\t" /* ties away from zero */
        "add %[b], %[b], %[b], asr #31\n\t"
        "add %[a], %[a], %[half]\n\t"
        "add %[b], %[b], %[half]\n\t"
        "asr %[a], %[a], %[right]\n\t"
        "asr %[b], %[b], %[right]\n\t"
        "ssat %[a], #16, %[a]\n\t"
        "ssat %[b], #16, %[b]\n\t"
        "pkhbt %[a], %[a], %[b], lsl #16\n\t"
        "qadd16 %[a], %[a], %[zero]\n\t"
        "ssub16 %[b], %[a], %[low]\n\t" /* sets the flags that SEL chooses by */
        "sel %[a], %[a], %[low]\n\t"
        "ssub16 %[b], %[a], %[high]\n\t"
        "sel %[a], %[high], %[a]\n\t"
        "strb %[a], [%[output]]\n\t"
        "lsr %[a], %[a], #16\n\t"
        "strb %[a], [%[output], %[pitch]]\n\t"
        "add %[output], %[output], %[pitch], lsl #1\n\t"
        "cmp %[sums], %[end]\n\t"
        "bne 1b"
        : [sums] "+r"(sums), [output] "+r"(output), [a] "=&r"(a), [b] "=&r"(b)
        : [end] "r"(end), [pitch] "r"(pitch), [bias] "r"(rounding->bias), [multiplier] "r"(rounding->multiplier),
          [left] "r"(rounding->left), [right] "r"(rounding->right), [half] "r"(rounding->half),
          [zero] "r"(limits->zero), [low] "r"(limits->low), [high] "r"(limits->high)
        : "cc", "memory");
    return output;
}

void nasc_requantize_row(const int32_t *sums, uint32_t count, const nasc_channel_t *channel,
                         const nasc_limits_t *limits, int8_t *output, uint32_t pitch)
{
    const nasc_rounding_t rounding = nasc_rounding(channel);
    const int32_t *const end = sums + count;
    if (rounding.right != 0 && count >= 2) {
        const int32_t *const pairs_end = sums + (count & ~UINT32_C(1));
        output = requantize_pairs(sums, pairs_end, &rounding, limits, output, pitch);
        sums = pairs_end;
    }
    for (; sums != end; sums++, output += pitch) {
        *output = (int8_t)nasc_requantize_two(*sums, *sums, &rounding, limits);
    }
}
