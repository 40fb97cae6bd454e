/* Sums of products of one output row of one channel, for kernels of 3x3: two pixels at a time, six words of taps in
 * registers. Those, three rows, two sums and what they are made of fill all 14 registers, hence assembly: the compiler
 * spills half of them. */
#include "depthwise.h"

/* Taps (0, 1) and (1, 2) of a kernel row; single lanes of them do for the rest. The next word of a row is
 * 16 bytes ahead, since rows hold four channels. */

/* Columns c to c + 3 are two words; pixel 0 sees c to c + 2, pixel 1 sees c + 1 to c + 3. */
#define FIRST_ROW_AT_STRIDE_1                                                                                          \
    "ldr %[columns], [%[row_0]], #16\n\t"                                                                              \
    "smuad %[sum_0], %[columns], %[left_0]\n\t"                                                                        \
    "smultb %[sum_1], %[columns], %[left_0]\n\t"                                                                       \
    "ldr %[columns], [%[row_0]]\n\t"                                                                                   \
    "smlabt %[sum_0], %[columns], %[right_0], %[sum_0]\n\t"                                                            \
    "smlad %[sum_1], %[columns], %[right_0], %[sum_1]\n\t"

#define ROW_AT_STRIDE_1(n)                                                                                             \
    "ldr %[columns], [%[row_" n "]], #16\n\t"                                                                          \
    "smlad %[sum_0], %[columns], %[left_" n "], %[sum_0]\n\t"                                                          \
    "smlatb %[sum_1], %[columns], %[left_" n "], %[sum_1]\n\t"                                                         \
    "ldr %[columns], [%[row_" n "]]\n\t"                                                                               \
    "smlabt %[sum_0], %[columns], %[right_" n "], %[sum_0]\n\t"                                                        \
    "smlad %[sum_1], %[columns], %[right_" n "], %[sum_1]\n\t"

/* Columns c to c + 5 are three words; pixel 0 sees c to c + 2, pixel 1 sees c + 2 to c + 4. */
#define FIRST_ROW_AT_STRIDE_2                                                                                          \
    "ldr %[columns], [%[row_0]], #16\n\t"                                                                              \
    "smuad %[sum_0], %[columns], %[left_0]\n\t"                                                                        \
    "ldr %[columns], [%[row_0]], #16\n\t"                                                                              \
    "smlabt %[sum_0], %[columns], %[right_0], %[sum_0]\n\t"                                                            \
    "smuad %[sum_1], %[columns], %[left_0]\n\t"                                                                        \
    "ldr %[columns], [%[row_0]]\n\t"                                                                                   \
    "smlabt %[sum_1], %[columns], %[right_0], %[sum_1]\n\t"

#define ROW_AT_STRIDE_2(n)                                                                                             \
    "ldr %[columns], [%[row_" n "]], #16\n\t"                                                                          \
    "smlad %[sum_0], %[columns], %[left_" n "], %[sum_0]\n\t"                                                          \
    "ldr %[columns], [%[row_" n "]], #16\n\t"                                                                          \
    "smlabt %[sum_0], %[columns], %[right_" n "], %[sum_0]\n\t"                                                        \
    "smlad %[sum_1], %[columns], %[left_" n "], %[sum_1]\n\t"                                                          \
    "ldr %[columns], [%[row_" n "]]\n\t"                                                                               \
    "smlabt %[sum_1], %[columns], %[right_" n "], %[sum_1]\n\t"

#define SUM_ROW(rows_of_window)                                                                                        \
    __asm__ volatile("1:\n\t" rows_of_window "strd %[sum_0], %[sum_1], [%[sums]], #8\n\t"                              \
                     "cmp %[sums], %[end]\n\t"                                                                         \
                     "bne 1b"                                                                                          \
                     : [row_0] "+r"(row_0), [row_1] "+r"(row_1), [row_2] "+r"(row_2), [sums] "+r"(sums),               \
                       [sum_0] "=&r"(sum_0), [sum_1] "=&r"(sum_1), [columns] "=&r"(columns)                            \
                     : [left_0] "r"(taps[0]), [right_0] "r"(taps[3]), [left_1] "r"(taps[4]), [right_1] "r"(taps[7]),   \
                       [left_2] "r"(taps[8]), [right_2] "r"(taps[11]), [end] "r"(end)                                  \
                     : "cc", "memory")

void nasc_depthwise_sum_row_3x3(const nasc_depthwise_t *depthwise, uint32_t channel, uint32_t *const rows[3])
{
    const uint32_t *taps = depthwise->taps + channel * 12;
    const uint32_t *row_0 = rows[0] + channel, *row_1 = rows[1] + channel, *row_2 = rows[2] + channel;
    int32_t *sums = depthwise->sums;
    const int32_t *const end = sums + ((depthwise->window->out_width + 1) & ~1);
    int32_t sum_0, sum_1;
    uint32_t columns;
    if (depthwise->window->stride_width == 1) {
        SUM_ROW(FIRST_ROW_AT_STRIDE_1 ROW_AT_STRIDE_1("1") ROW_AT_STRIDE_1("2"));
    } else {
        SUM_ROW(FIRST_ROW_AT_STRIDE_2 ROW_AT_STRIDE_2("1") ROW_AT_STRIDE_2("2"));
    }
}
