/* CBOR (RFC 8949), as much as SMP needs: a map with text keys in, maps and arrays out. The reader takes whatever is
 * well-formed, definite or indefinite, and skips what it does not know; every step is bounded by the bytes given. */
#ifndef NASC_CBOR_H
#define NASC_CBOR_H

#include <stdbool.h>
#include <stdint.h>

/* Items inside items that the reader follows; deeper ones are refused. */
enum { NASC_CBOR_DEPTH = 8 };

/* Whether the bytes are one well-formed map and nothing else. The functions below need no such check to be safe, only
 * to be sure that a later part of the map is not damaged. */
bool nasc_cbor_is_map(const uint8_t *bytes, uint32_t count);

/* What became of a look-up: absent and wrong type differ, since keys may be optional. */
typedef enum { NASC_CBOR_FOUND = 0, NASC_CBOR_ABSENT = 1, NASC_CBOR_WRONG_TYPE = 2 } nasc_cbor_result_t;

/* The value of the first such key of the map. A string of indefinite length has no one place and is a wrong type. */
nasc_cbor_result_t nasc_cbor_find_uint(const uint8_t *map, uint32_t count, const char *key, uint32_t *value);
nasc_cbor_result_t nasc_cbor_find_bytes(const uint8_t *map, uint32_t count, const char *key, const uint8_t **value,
                                        uint32_t *length);
nasc_cbor_result_t nasc_cbor_find_text(const uint8_t *map, uint32_t count, const char *key, const uint8_t **value,
                                       uint32_t *length);

/* Writes definite lengths in their shortest form. What does not fit sets `full`, and nothing more is written. */
typedef struct {
    uint8_t *at, *end;
    bool full;
} nasc_cbor_writer_t;

void nasc_cbor_put_map(nasc_cbor_writer_t *writer, uint32_t pairs);
void nasc_cbor_put_array(nasc_cbor_writer_t *writer, uint32_t items);
void nasc_cbor_put_uint(nasc_cbor_writer_t *writer, uint32_t value);
void nasc_cbor_put_bool(nasc_cbor_writer_t *writer, bool value);
void nasc_cbor_put_bytes(nasc_cbor_writer_t *writer, const uint8_t *bytes, uint32_t count);
void nasc_cbor_put_text(nasc_cbor_writer_t *writer, const char *text);
void nasc_cbor_put_text_bytes(nasc_cbor_writer_t *writer, const uint8_t *text, uint32_t count);

/* A key and its value. */
void nasc_cbor_put_pair(nasc_cbor_writer_t *writer, const char *key, uint32_t value);
void nasc_cbor_put_text_pair(nasc_cbor_writer_t *writer, const char *key, const char *value);
void nasc_cbor_put_bytes_pair(nasc_cbor_writer_t *writer, const char *key, const uint8_t *bytes, uint32_t count);

#endif
