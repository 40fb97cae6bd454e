#include "smp/cbor.h"

#include <string.h>

/* RFC 8949, 3.1: major types. */
enum { UINT = 0, NEGATIVE = 1, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, TAG = 6, SIMPLE = 7 };

enum { INDEFINITE = 31, BREAK = 0xFF };

typedef struct {
    const uint8_t *at, *end;
} reader_t;

/* The initial byte and its argument. */
typedef struct {
    uint8_t major, information;
    bool huge; /* the argument has more than 32 bits */
    uint32_t argument;
} head_t;

static bool read_head(reader_t *reader, head_t *head)
{
    if (reader->at == reader->end) {
        return false;
    }
    uint8_t initial = *reader->at++;
    head->major = initial >> 5;
    head->information = initial & 31u;
    head->huge = false;
    head->argument = head->information;
    if (head->information < 24) {
        return true;
    }
    if (head->information > 27) {
        /* RFC 8949, 3: "values 28, 29 and 30 are reserved"; 31 is an indefinite length or a break. */
        return head->information == INDEFINITE;
    }
    uint32_t length = 1u << (head->information - 24);
    if ((uint32_t)(reader->end - reader->at) < length) {
        return false;
    }
    head->argument = 0;
    while (length-- > 0) {
        head->huge = head->huge || head->argument >> 24 != 0;
        head->argument = head->argument << 8 | *reader->at++;
    }
    return true;
}

static bool at_break(const reader_t *reader)
{
    return reader->at != reader->end && *reader->at == BREAK;
}

static bool skip_bytes(reader_t *reader, const head_t *head)
{
    if (head->huge || (uint32_t)(reader->end - reader->at) < head->argument) {
        return false;
    }
    reader->at += head->argument;
    return true;
}

/* RFC 8949, 3.2.3: chunks of an indefinite string are definite strings of the same major type. */
static bool skip_chunks(reader_t *reader, uint8_t major)
{
    head_t chunk;
    while (!at_break(reader)) {
        if (!read_head(reader, &chunk) || chunk.major != major || chunk.information == INDEFINITE ||
            !skip_bytes(reader, &chunk)) {
            return false;
        }
    }
    reader->at++;
    return true;
}

static bool skip_item(reader_t *reader, uint32_t depth);

static bool skip_items(reader_t *reader, const head_t *head, uint32_t depth)
{
    uint32_t each = head->major == MAP ? 2 : 1; /* a pair is two items; a break may not part them */
    if (head->information == INDEFINITE) {
        while (!at_break(reader)) {
            for (uint32_t i = 0; i < each; i++) {
                if (!skip_item(reader, depth)) {
                    return false;
                }
            }
        }
        reader->at++;
        return true;
    }
    /* An item has at least a byte, so a count beyond the bytes left is refused here and the loop is short. */
    if (head->huge || head->argument > (uint32_t)(reader->end - reader->at) / each) {
        return false;
    }
    for (uint32_t left = head->argument * each; left > 0; left--) {
        if (!skip_item(reader, depth)) {
            return false;
        }
    }
    return true;
}

/* Recursion is bounded by NASC_CBOR_DEPTH. */
static bool skip_item(reader_t *reader, uint32_t depth)
{
    head_t head;
    if (depth == 0 || !read_head(reader, &head)) {
        return false;
    }
    switch (head.major) {
    case UINT:
    case NEGATIVE:
        return head.information != INDEFINITE;
    case BYTES:
    case TEXT:
        return head.information == INDEFINITE ? skip_chunks(reader, head.major) : skip_bytes(reader, &head);
    case ARRAY:
    case MAP:
        return skip_items(reader, &head, depth - 1);
    case TAG:
        return head.information != INDEFINITE && skip_item(reader, depth - 1);
    default:
        /* RFC 8949, 3.3: a two-byte simple value below 32 is not well-formed; a break has no place here. */
        return head.information != INDEFINITE && (head.information != 24 || head.argument >= 32);
    }
}

bool nasc_cbor_is_map(const uint8_t *bytes, uint32_t count)
{
    reader_t reader = {bytes, bytes + count};
    return count > 0 && bytes[0] >> 5 == MAP && skip_item(&reader, NASC_CBOR_DEPTH) && reader.at == reader.end;
}

/* Reads the key at the reader; *same where it is a definite text of those characters. False where it is damaged. */
static bool read_key(reader_t *reader, const char *key, bool *same)
{
    reader_t start = *reader;
    head_t head;
    if (!skip_item(reader, NASC_CBOR_DEPTH - 1) || !read_head(&start, &head)) {
        return false;
    }
    *same = head.major == TEXT && head.information != INDEFINITE && head.argument == strlen(key) &&
            memcmp(start.at, key, head.argument) == 0;
    return true;
}

/* Moves the reader to the value of the key. */
static nasc_cbor_result_t find(reader_t *reader, const char *key)
{
    head_t map;
    if (!read_head(reader, &map) || map.major != MAP || map.huge) {
        return NASC_CBOR_ABSENT;
    }
    bool indefinite = map.information == INDEFINITE;
    for (uint32_t left = map.argument; indefinite ? !at_break(reader) : left > 0; left--) {
        bool same;
        if (!read_key(reader, key, &same)) {
            return NASC_CBOR_ABSENT;
        }
        if (same) {
            return NASC_CBOR_FOUND;
        }
        if (!skip_item(reader, NASC_CBOR_DEPTH - 1)) {
            return NASC_CBOR_ABSENT;
        }
    }
    return NASC_CBOR_ABSENT;
}

nasc_cbor_result_t nasc_cbor_find_uint(const uint8_t *map, uint32_t count, const char *key, uint32_t *value)
{
    reader_t reader = {map, map + count};
    head_t head;
    if (find(&reader, key) != NASC_CBOR_FOUND) {
        return NASC_CBOR_ABSENT;
    }
    if (!read_head(&reader, &head) || head.major != UINT || head.information == INDEFINITE || head.huge) {
        return NASC_CBOR_WRONG_TYPE;
    }
    *value = head.argument;
    return NASC_CBOR_FOUND;
}

static nasc_cbor_result_t find_string(const uint8_t *map, uint32_t count, uint8_t major, const char *key,
                                      const uint8_t **value, uint32_t *length)
{
    reader_t reader = {map, map + count};
    head_t head;
    if (find(&reader, key) != NASC_CBOR_FOUND) {
        return NASC_CBOR_ABSENT;
    }
    if (!read_head(&reader, &head) || head.major != major || head.information == INDEFINITE) {
        return NASC_CBOR_WRONG_TYPE;
    }
    *value = reader.at;
    *length = head.argument;
    return skip_bytes(&reader, &head) ? NASC_CBOR_FOUND : NASC_CBOR_WRONG_TYPE;
}

nasc_cbor_result_t nasc_cbor_find_bytes(const uint8_t *map, uint32_t count, const char *key, const uint8_t **value,
                                        uint32_t *length)
{
    return find_string(map, count, BYTES, key, value, length);
}

nasc_cbor_result_t nasc_cbor_find_text(const uint8_t *map, uint32_t count, const char *key, const uint8_t **value,
                                       uint32_t *length)
{
    return find_string(map, count, TEXT, key, value, length);
}

static void put(nasc_cbor_writer_t *writer, const void *bytes, uint32_t count)
{
    if (writer->full || (uint32_t)(writer->end - writer->at) < count) {
        writer->full = true;
    } else if (count > 0) {
        memcpy(writer->at, bytes, count);
        writer->at += count;
    }
}

static void put_head(nasc_cbor_writer_t *writer, uint8_t major, uint32_t argument)
{
    uint8_t head[5];
    uint32_t length = argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x10000 ? 2 : 4;
    uint8_t information = length == 0 ? (uint8_t)argument : length == 4 ? 26 : (uint8_t)(23 + length);
    head[0] = (uint8_t)(major << 5 | information);
    for (uint32_t i = 0; i < length; i++) {
        head[1 + i] = (uint8_t)(argument >> (8 * (length - 1 - i)));
    }
    put(writer, head, 1 + length);
}

void nasc_cbor_put_map(nasc_cbor_writer_t *writer, uint32_t pairs)
{
    put_head(writer, MAP, pairs);
}

void nasc_cbor_put_array(nasc_cbor_writer_t *writer, uint32_t items)
{
    put_head(writer, ARRAY, items);
}

void nasc_cbor_put_uint(nasc_cbor_writer_t *writer, uint32_t value)
{
    put_head(writer, UINT, value);
}

void nasc_cbor_put_bool(nasc_cbor_writer_t *writer, bool value)
{
    put_head(writer, SIMPLE, value ? 21 : 20);
}

void nasc_cbor_put_bytes(nasc_cbor_writer_t *writer, const uint8_t *bytes, uint32_t count)
{
    put_head(writer, BYTES, count);
    put(writer, bytes, count);
}

void nasc_cbor_put_text_bytes(nasc_cbor_writer_t *writer, const uint8_t *text, uint32_t count)
{
    put_head(writer, TEXT, count);
    put(writer, text, count);
}

void nasc_cbor_put_text(nasc_cbor_writer_t *writer, const char *text)
{
    uint32_t count = (uint32_t)strlen(text);
    put_head(writer, TEXT, count);
    put(writer, text, count);
}

void nasc_cbor_put_pair(nasc_cbor_writer_t *writer, const char *key, uint32_t value)
{
    nasc_cbor_put_text(writer, key);
    nasc_cbor_put_uint(writer, value);
}

void nasc_cbor_put_text_pair(nasc_cbor_writer_t *writer, const char *key, const char *value)
{
    nasc_cbor_put_text(writer, key);
    nasc_cbor_put_text(writer, value);
}

void nasc_cbor_put_bytes_pair(nasc_cbor_writer_t *writer, const char *key, const uint8_t *bytes, uint32_t count)
{
    nasc_cbor_put_text(writer, key);
    nasc_cbor_put_bytes(writer, bytes, count);
}
