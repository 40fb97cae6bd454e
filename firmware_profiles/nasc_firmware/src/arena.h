/* The memory that heads compute in; its size is the board's (NASC_ARENA_BYTES, from boards/<board>.toml). */
#ifndef NASC_ARENA_H
#define NASC_ARENA_H

#include <stdint.h>

extern int8_t nasc_arena[];
extern const uint32_t nasc_arena_bytes;

#endif
