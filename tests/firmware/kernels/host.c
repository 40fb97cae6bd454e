/* Runs cases on the host: host CASES RESULTS. Each region is an allocation of its own and of its exact size, so that
 * the sanitizers see a byte too far. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

static void run(uint8_t *file, const case_t *given)
{
    void *regions[REGIONS];
    for (int i = 0; i < REGIONS; i++) {
        regions[i] = malloc(given->bytes[i]);
        memcpy(regions[i], file + given->at[i], given->bytes[i]);
    }
    run_case(given, regions);
    memcpy(file + given->at[OUTPUT], regions[OUTPUT], given->bytes[OUTPUT]);
    for (int i = 0; i < REGIONS; i++) {
        free(regions[i]);
    }
}

int main(int count, char **arguments)
{
    cases_t head;
    FILE *cases = count == 3 ? fopen(arguments[1], "rb") : NULL;
    if (cases == NULL || fread(&head, sizeof head, 1, cases) != 1 || head.case_bytes != sizeof(case_t)) {
        return 2;
    }
    uint8_t *file = malloc(head.bytes);
    rewind(cases);
    if (fread(file, 1, head.bytes, cases) != head.bytes) {
        return 2;
    }
    fclose(cases);
    for (uint32_t i = 0; i < head.count; i++) {
        run(file, (const case_t *)(file + sizeof head) + i);
    }
    FILE *results = fopen(arguments[2], "wb");
    if (results == NULL || fwrite(file, 1, head.bytes, results) != head.bytes || fclose(results) != 0) {
        return 2;
    }
    free(file);
    return 0;
}
