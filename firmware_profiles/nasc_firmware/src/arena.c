#include "arena.h"

int8_t nasc_arena[NASC_ARENA_BYTES] __attribute__((aligned(16)));
const uint32_t nasc_arena_bytes = NASC_ARENA_BYTES;
