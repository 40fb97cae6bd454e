/* Test builds (-DNASC_POWER_CUT): the machine ends at a chosen flash operation, before it or in the middle of it. In
 * all others, the two calls of a port's store cost nothing. */
#ifndef NASC_PORTS_POWER_CUT_H
#define NASC_PORTS_POWER_CUT_H

#include <stdint.h>

#ifdef NASC_POWER_CUT

#include "smp/server.h"

enum { NASC_POWER_CUT_COMMAND = 63 };

/* {after, torn}: so many operations are done, then none (torn: 0) or half of the next one (torn: 1). */
nasc_status_t nasc_power_cut_command(const nasc_request_t *request, nasc_reply_t *reply);

/* Called before an operation: how many of its `count` bytes it may change. */
uint32_t nasc_power_cut_before(uint32_t count);

/* Called after it: ends the machine unless all of it was done. */
void nasc_power_cut_after(uint32_t done, uint32_t count);

#else

static inline uint32_t nasc_power_cut_before(uint32_t count)
{
    return count;
}

static inline void nasc_power_cut_after(uint32_t done, uint32_t count)
{
    (void)done;
    (void)count;
}

#endif
#endif
