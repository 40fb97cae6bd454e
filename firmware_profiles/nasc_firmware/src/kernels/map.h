/* A function of one step as a table. */
#ifndef NASC_MAP_H
#define NASC_MAP_H

#include <stdint.h>

enum { NASC_STEPS = 256, NASC_LOWEST = -128 };

/* output[i] = table of input[i]; the table's first is that of step -128. output is aligned to 4 bytes. Not inline: a
 * table in the caller's own frame has no register that its address stays in. */
void nasc_map(const int8_t table[NASC_STEPS], const int8_t *input, int8_t *output, uint32_t count);

#endif
