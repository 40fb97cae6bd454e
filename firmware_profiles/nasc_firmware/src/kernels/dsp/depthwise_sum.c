/* Sums of products of one output row of one channel, for any kernel: one to three words of taps go over the whole row,
 * then the next. Two pixels at a time; the first of them starts at an even column, since twice any stride is even, and
 * the second does where the stride is even. In assembly, because all 14 registers are needed. */
#include "depthwise.h"

/* Some taps of a kernel row and the columns that they meet. */
typedef struct {
    const uint32_t *columns; /* of the first pixel; the next two columns are 4 words ahead */
    uint32_t second;         /* words from the first pixel's columns to the second's */
    uint32_t pitch;          /* words from two pixels to the next two */
    const uint32_t *taps, *second_taps;
    int32_t *sums;
    const int32_t *end;
} pass_t;

#define MULTIPLY(i, offset)                                                                                            \
    "ldr %[word], [%[columns], #" offset "]\n\t"                                                                       \
    "smlad %[sum_0], %[word], %[tap_" i "], %[sum_0]\n\t"                                                              \
    "ldr %[word], [%[second], #" offset "]\n\t"                                                                        \
    "smlad %[sum_1], %[word], %[second_tap_" i "], %[sum_1]\n\t"

/* The taps that `multiply` names are the first of those given. */
#define ADD_TO_SUMS(multiply, tap_0_, tap_1_, tap_2_, second_0_, second_1_, second_2_)                                 \
    do {                                                                                                               \
        const uint32_t *columns = pass->columns, *second = pass->columns + pass->second;                               \
        int32_t *sums = pass->sums;                                                                                    \
        int32_t sum_0, sum_1;                                                                                          \
        uint32_t word;                                                                                                 \
        __asm__ volatile("1:\n\t"                                                                                      \
                         "ldrd %[sum_0], %[sum_1], [%[sums]]\n\t" multiply                                             \
                         "strd %[sum_0], %[sum_1], [%[sums]], #8\n\t"                                                  \
                         "add %[columns], %[columns], %[pitch]\n\t"                                                    \
                         "add %[second], %[second], %[pitch]\n\t"                                                      \
                         "cmp %[sums], %[end]\n\t"                                                                     \
                         "bne 1b"                                                                                      \
                         : [columns] "+r"(columns), [second] "+r"(second), [sums] "+r"(sums), [sum_0] "=&r"(sum_0),    \
                           [sum_1] "=&r"(sum_1), [word] "=&r"(word)                                                    \
                         : [tap_0] "r"(tap_0_), [tap_1] "r"(tap_1_), [tap_2] "r"(tap_2_),                     \
                           [second_tap_0] "r"(second_0_), [second_tap_1] "r"(second_1_),                               \
                           [second_tap_2] "r"(second_2_), [pitch] "r"(4 * pass->pitch), [end] "r"(pass->end)           \
                         : "cc", "memory");                                                                            \
    } while (0)

static void add_one_word(const pass_t *pass)
{
    const uint32_t *a = pass->taps, *b = pass->second_taps;
    ADD_TO_SUMS(MULTIPLY("0", "0"), a[0], a[0], a[0], b[0], b[0], b[0]);
}

static void add_two_words(const pass_t *pass)
{
    const uint32_t *a = pass->taps, *b = pass->second_taps;
    ADD_TO_SUMS(MULTIPLY("0", "0") MULTIPLY("1", "16"), a[0], a[1], a[0], b[0], b[1], b[0]);
}

static void add_three_words(const pass_t *pass)
{
    const uint32_t *a = pass->taps, *b = pass->second_taps;
    ADD_TO_SUMS(MULTIPLY("0", "0") MULTIPLY("1", "16") MULTIPLY("2", "32"), a[0], a[1], a[2], b[0], b[1], b[2]);
}

/* Moves pass on by as many words. */
static void add_kernel_row(pass_t *pass, uint32_t words)
{
    static void (*const add[])(const pass_t *) = {add_one_word, add_two_words, add_three_words};
    while (words != 0) {
        const uint32_t taken = words == 4 ? 2 : words < 3 ? words : 3;
        add[taken - 1](pass);
        pass->taps += taken;
        pass->second_taps += taken;
        pass->columns += taken * NASC_DEPTHWISE_BLOCK;
        words -= taken;
    }
}

void nasc_depthwise_sum_row(const nasc_depthwise_t *depthwise, uint32_t channel, uint32_t first)
{
    const nasc_window_t *window = depthwise->window;
    const uint32_t stride = window->stride_width, words = depthwise->words, height = window->kernel_height;
    const uint32_t *taps = depthwise->taps + channel * height * 2 * words;
    pass_t pass = {0, stride / 2 * NASC_DEPTHWISE_BLOCK, stride * NASC_DEPTHWISE_BLOCK, 0, 0, depthwise->sums,
                   depthwise->sums + ((window->out_width + 1) & ~1)};
    for (int32_t *sum = pass.sums; sum != pass.end; sum++) {
        *sum = 0;
    }
    for (uint32_t ky = 0; ky < height; ky++, taps += 2 * words) {
        pass.columns = nasc_depthwise_row(depthwise, first + ky) + channel;
        pass.taps = taps;
        pass.second_taps = taps + (stride & 1) * words;
        add_kernel_row(&pass, words);
    }
}
