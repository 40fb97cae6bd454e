/* Two pixels by two channels in assembly: the loop needs all 14 registers, and the compiler spills instead. For the
 * same reason this is a function of its own, and needs -O1 or more: a frame pointer takes the 14th. */
#include "multiply.h"

/* Four steps: 14 instructions for 16 products. LDM wants its registers in ascending order, so steps have fixed ones. */
#define FOUR_STEPS                                                                                                     \
    "ldmia %[lanes]!, {r2, r3, r4, r5}\n\t" /* pixel 0: steps 0, 2 and 1, 3; pixel 1 */                                \
    "ldrd %[w0], %[w1], [%[weights]], #8\n\t"                                                                          \
    "sxtb16 %[even], %[w0]\n\t"                                                                                        \
    "sxtb16 %[w0], %[w0], ror #8\n\t"                                                                                  \
    "smlad %[s00], r2, %[even], %[s00]\n\t"                                                                            \
    "smlad %[s10], r4, %[even], %[s10]\n\t"                                                                            \
    "smlad %[s00], r3, %[w0], %[s00]\n\t"                                                                              \
    "smlad %[s10], r5, %[w0], %[s10]\n\t"                                                                              \
    "sxtb16 %[even], %[w1]\n\t"                                                                                        \
    "sxtb16 %[w1], %[w1], ror #8\n\t"                                                                                  \
    "smlad %[s01], r2, %[even], %[s01]\n\t"                                                                            \
    "smlad %[s11], r4, %[even], %[s11]\n\t"                                                                            \
    "smlad %[s01], r3, %[w1], %[s01]\n\t"                                                                              \
    "smlad %[s11], r5, %[w1], %[s11]\n\t"

/* Until weights, which move on by 8 bytes for every four steps, meet `end`. */
#define LOOP(steps)                                                                                                    \
    __asm__ volatile("1:\n\t" steps "cmp %[weights], %[end]\n\t"                                                       \
                     "bne 1b"                                                                                          \
                     : [s00] "+r"(s00), [s01] "+r"(s01), [s10] "+r"(s10), [s11] "+r"(s11), [lanes] "+r"(lanes),        \
                       [weights] "+r"(weights), [w0] "=&r"(w0), [w1] "=&r"(w1), [even] "=&r"(even)                     \
                     : [end] "r"(end)                                                                                  \
                     : "r2", "r3", "r4", "r5", "cc", "memory")

void nasc_multiply_2x2(const uint32_t *lanes, const int8_t *weights, uint32_t words, nasc_sums_t *sums)
{
    int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
    uint32_t w0, w1, even;
    const int8_t *end = weights + 8 * (words & ~UINT32_C(3));
    if (weights != end) {
        LOOP(FOUR_STEPS FOUR_STEPS FOUR_STEPS FOUR_STEPS);
    }
    end += 8 * (words & 3);
    if (weights != end) {
        LOOP(FOUR_STEPS);
    }
    sums->s00 = s00;
    sums->s01 = s01;
    sums->s10 = s10;
    sums->s11 = s11;
}
