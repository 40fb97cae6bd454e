/* cbor: a line a question, a line an answer, bytes in hexadecimal ("-" for none).
 *     map HEX              1 or 0
 *     uint KEY HEX         result and value
 *     bytes KEY HEX        result and value
 *     text KEY HEX         result and value
 *     write KIND NUMBER HEX   what the writer wrote, in a buffer of exactly that many bytes; "full" */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smp/cbor.h"

enum { LONGEST = 1 << 16 };

static char line[2 * LONGEST];

static uint8_t *parse(const char *text, uint32_t *count)
{
    *count = strcmp(text, "-") == 0 ? 0 : (uint32_t)strlen(text) / 2;
    uint8_t *bytes = malloc(*count ? *count : 1);
    for (uint32_t i = 0; i < *count; i++) {
        unsigned value;
        if (sscanf(text + 2 * i, "%2x", &value) != 1) {
            abort();
        }
        bytes[i] = (uint8_t)value;
    }
    return bytes;
}

static void print_bytes(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        printf("%02x", bytes[i]);
    }
    puts(count ? "" : "-");
}

static void find(const char *kind, const char *key, const uint8_t *map, uint32_t count)
{
    const uint8_t *value = NULL;
    uint32_t number = 0;
    if (strcmp(kind, "uint") == 0) {
        nasc_cbor_result_t result = nasc_cbor_find_uint(map, count, key, &number);
        printf("%d %u\n", (int)result, (unsigned)number);
        return;
    }
    nasc_cbor_result_t result = strcmp(kind, "text") == 0 ? nasc_cbor_find_text(map, count, key, &value, &number)
                                                          : nasc_cbor_find_bytes(map, count, key, &value, &number);
    printf("%d ", (int)result);
    print_bytes(value, result == NASC_CBOR_FOUND ? number : 0);
}

static void write_value(const char *kind, uint32_t number, const uint8_t *bytes, uint32_t count)
{
    uint32_t room = 0;
    for (;;) {
        uint8_t *buffer = malloc(room ? room : 1);
        nasc_cbor_writer_t writer = {buffer, buffer + room, false};
        if (strcmp(kind, "map") == 0) {
            nasc_cbor_put_map(&writer, number);
        } else if (strcmp(kind, "array") == 0) {
            nasc_cbor_put_array(&writer, number);
        } else if (strcmp(kind, "bool") == 0) {
            nasc_cbor_put_bool(&writer, number != 0);
        } else if (strcmp(kind, "bytes") == 0) {
            nasc_cbor_put_bytes(&writer, bytes, count);
        } else if (strcmp(kind, "text") == 0) {
            nasc_cbor_put_text_bytes(&writer, bytes, count);
        } else {
            nasc_cbor_put_uint(&writer, number);
        }
        /* The first room in which it fits must be filled to the last byte. */
        bool full = writer.full, exact = writer.at == writer.end;
        if (!full) {
            if (exact) {
                print_bytes(buffer, room);
            } else {
                puts("loose");
            }
        }
        free(buffer);
        if (!full) {
            return;
        }
        room++;
    }
}

int main(void)
{
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *kind = strtok(line, " "), *second = strtok(NULL, " "), *third = strtok(NULL, " ");
        char *fourth = strtok(NULL, " ");
        uint32_t count;
        uint8_t *bytes = parse(fourth ? fourth : third ? third : second, &count);
        if (strcmp(kind, "map") == 0) {
            printf("%d\n", nasc_cbor_is_map(bytes, count));
        } else if (strcmp(kind, "write") == 0) {
            write_value(second, (uint32_t)strtoul(third, NULL, 10), bytes, count);
        } else {
            find(kind, second, bytes, count);
        }
        free(bytes);
        fflush(stdout);
    }
    return 0;
}
