/* Runs cases on a bare Cortex-M under QEMU: they lie at CASES_AT, put there by -device loader, and leave by semihosting
 * as results.bin in QEMU's folder. Calls are timed by SysTick, a loop of known length beside them. */
#include <stdint.h>

#include "cases.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define SYSTICK_VALUE REGISTER(0xE000E018u)
#define COPROCESSORS REGISTER(0xE000ED88u)

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_EXIT_EXTENDED = 0x20, WRITE_BINARY = 5 };
enum { APPLICATION_EXIT = 0x20026, TICKS_OF_ROUND = 1 << 24, LOOPS = 100000 };

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];
int main(void);
void reset(void);

static volatile uint32_t rounds;

static void count_round(void)
{
    rounds = rounds + 1;
}

static uint32_t semihosting(uint32_t operation, const void *block)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(uint32_t status)
{
    const uint32_t block[] = {APPLICATION_EXIT, status};
    semihosting(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

static void fault(void)
{
    leave(3);
}

static uint32_t now(void)
{
    uint32_t before, value;
    do {
        before = rounds;
        value = SYSTICK_VALUE;
    } while (before != rounds);
    return before * TICKS_OF_ROUND + (TICKS_OF_ROUND - 1 - value);
}

static uint32_t known_loop(void)
{
    const uint32_t start = now();
    uint32_t left = LOOPS;
    __asm__ volatile(".syntax unified\n1: subs %0, %0, #1\n\tbne 1b" : "+l"(left) : : "cc");
    return now() - start;
}

int main(void)
{
    uint8_t *file = (uint8_t *)CASES_AT;
    cases_t *head = (cases_t *)file;
    if (head->case_bytes != sizeof(case_t)) {
        return 2;
    }
    SYSTICK_RELOAD = TICKS_OF_ROUND - 1;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 7; /* the core's clock, interrupt, on */
    head->known_instructions = 2 * LOOPS;
    head->known_ticks = known_loop();
    for (uint32_t i = 0; i < head->count; i++) {
        case_t *given = (case_t *)(file + sizeof *head) + i;
        void *regions[REGIONS];
        for (uint32_t region = 0; region < REGIONS; region++) {
            regions[region] = file + given->at[region];
        }
        const uint32_t start = now();
        run_case(given, regions);
        given->ticks = now() - start;
    }
    static const char name[] = "results.bin";
    const uint32_t open[] = {(uint32_t)name, WRITE_BINARY, sizeof name - 1};
    const uint32_t write[] = {semihosting(SYS_OPEN, open), CASES_AT, head->bytes};
    return semihosting(SYS_WRITE, write) == 0 ? 0 : 2;
}

static void start(void)
{
    COPROCESSORS |= 0xFu << 20; /* FPU and MVE, where there are any */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
    leave((uint32_t)main());
}

void reset(void)
{
    start();
}

typedef void (*handler_t)(void);

__attribute__((section(".vectors"), used)) static const handler_t vectors[16] = {
    (handler_t)(uintptr_t)stack_top, reset, fault, fault, fault, fault, fault, fault, 0, 0, 0, fault, fault, 0, fault,
    count_round,
};
