/* Power of the STM32H743: the supply that the board has must be written once after power-on, before memory is written
 * (RM0433, "System supply startup"). Nucleo boards use the LDO. Clocks stay at reset: HSI, 64 MHz, caches off. */
#include "ports/arm/registers.h"
#include "ports/parts.h"
#include "ports/wait.h"

#define PWR_CSR1 NASC_REGISTER(0x58024804u) /* RM0433, "PWR register description" */
#define PWR_CR3 NASC_REGISTER(0x5802480Cu)

enum { BYPASS = 1 << 0, LDO = 1 << 1, SUPPLY_UPDATE = 1 << 2, VOLTAGE_READY = 1 << 13 };
enum { READY_MS = 100 };

void nasc_chip_start(void)
{
    PWR_CR3 = (PWR_CR3 & ~(uint32_t)(BYPASS | SUPPLY_UPDATE)) | LDO;
    (void)nasc_wait(&PWR_CSR1, VOLTAGE_READY, VOLTAGE_READY, NASC_POLLS(READY_MS));
}
