/* Ends an emulated Cortex-M by semihosting, at a flash operation that the host chose; of test builds only. */
#include "ports/power_cut.h"

#ifdef NASC_POWER_CUT

#include "smp/cbor.h"

/* Semihosting for AArch32 and AArch64 (Arm), "SYS_EXIT (0x18)" and "ADP_Stopped_ApplicationExit". */
enum { SYS_EXIT = 0x18, APPLICATION_EXIT = 0x20026 };

static uint32_t left = UINT32_MAX; /* operations to be done; UINT32_MAX: all there are */
static uint32_t torn;

nasc_status_t nasc_power_cut_command(const nasc_request_t *request, nasc_reply_t *reply)
{
    uint32_t after, half;
    if (nasc_cbor_find_uint(request->map, request->count, "after", &after) != NASC_CBOR_FOUND ||
        nasc_cbor_find_uint(request->map, request->count, "torn", &half) != NASC_CBOR_FOUND) {
        return NASC_BAD_REQUEST;
    }
    left = after;
    torn = half;
    nasc_cbor_put_map(&reply->writer, 0);
    return NASC_OK;
}

uint32_t nasc_power_cut_before(uint32_t count)
{
    if (left == UINT32_MAX) {
        return count;
    }
    if (left > 0) {
        left--;
        return count;
    }
    return torn ? count / 2 : 0;
}

void nasc_power_cut_after(uint32_t done, uint32_t count)
{
    if (done == count) {
        return;
    }
    register uint32_t operation __asm__("r0") = SYS_EXIT;
    register uint32_t reason __asm__("r1") = APPLICATION_EXIT;
    __asm__ volatile("bkpt 0xab" ::"r"(operation), "r"(reason) : "memory");
    for (;;) {
    }
}

#else

/* C wants a declaration in every file. */
extern int nasc_power_cut_is_not_built;

#endif
