/* Two pixels by four channels in assembly: eight sums take all even registers, which VMLADAVA asks for, the link
 * register among them; the compiler spills instead. */
#include "multiply.h"

#define ADD_PRODUCTS(channel)                                                                                          \
    "vmladava.s8 %[s0" channel "], q0, q2\n\t"                                                                         \
    "vmladava.s8 %[s1" channel "], q1, q2\n\t"

#define CHANNEL(channel) "vldrb.u8 q2, [%[weights]], #16\n\t" ADD_PRODUCTS(channel)

#define CHANNEL_REST(channel)                                                                                          \
    "vpst\n\t"                                                                                                         \
    "vldrbt.u8 q2, [%[weights]]\n\t"                                                                                   \
    "add %[weights], %[weights], %[rest]\n\t" ADD_PRODUCTS(channel)

#define SUMS                                                                                                           \
    [s00] "+Te"(s00), [s01] "+Te"(s01), [s02] "+Te"(s02), [s03] "+Te"(s03), [s10] "+Te"(s10), [s11] "+Te"(s11),        \
        [s12] "+Te"(s12), [s13] "+Te"(s13)

void nasc_multiply_2x4(const int8_t *first, const int8_t *second, const int8_t *weights, uint32_t count,
                       nasc_sums_t *sums)
{
    int32_t s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
    uint32_t chunks = count / NASC_LANES;
    const uint32_t rest = count % NASC_LANES;
    if (chunks != 0) {
        __asm__ volatile("1:\n\t"
                         "vldrb.u8 q0, [%[first]], #16\n\t"
                         "vldrb.u8 q1, [%[second]], #16\n\t" CHANNEL("0") CHANNEL("1") CHANNEL("2") CHANNEL("3")
                         "subs %[chunks], %[chunks], #1\n\t"
                         "bne 1b"
                         : SUMS, [first] "+r"(first), [second] "+r"(second), [weights] "+r"(weights),
                           [chunks] "+r"(chunks)
                         :
                         : "q0", "q1", "q2", "cc", "memory");
    }
    if (rest != 0) {
        /* Lanes that are not loaded are 0. */
        __asm__ volatile("vctp.8 %[rest]\n\t"
                         "vpstt\n\t"
                         "vldrbt.u8 q0, [%[first]]\n\t"
                         "vldrbt.u8 q1, [%[second]]\n\t" CHANNEL_REST("0") CHANNEL_REST("1") CHANNEL_REST("2")
                         CHANNEL_REST("3")
                         : SUMS, [weights] "+r"(weights)
                         : [first] "r"(first), [second] "r"(second), [rest] "r"(rest)
                         : "q0", "q1", "q2", "cc", "memory");
    }
    *sums = (nasc_sums_t){{{s00, s01, s02, s03}, {s10, s11, s12, s13}}};
}
