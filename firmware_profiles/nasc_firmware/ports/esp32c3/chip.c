/* Watchdogs, clock, reset and id of the ESP32-C3 (technical reference manual). The core runs at the crystal's
 * 40 MHz: no PLL. */
#include "port.h"
#include "ports/esp32c3/registers.h"
#include "ports/parts.h"
#include "words.h"

#define RTC_OPTIONS0 NASC_REGISTER(0x60008000u) /* "Low-Power Management": RTC_CNTL_OPTIONS0_REG */
#define RTC_WATCHDOG NASC_REGISTER(0x60008090u) /* "Watchdog Timers": RTC_CNTL_WDTCONFIG0_REG */
#define RTC_WATCHDOG_KEY NASC_REGISTER(0x600080A8u)
#define SUPER_WATCHDOG NASC_REGISTER(0x600080ACu) /* RTC_CNTL_SWD_CONF_REG */
#define SUPER_WATCHDOG_KEY NASC_REGISTER(0x600080B0u)
#define TIMER_WATCHDOG(group) NASC_REGISTER(0x6001F048u + (group) * 0x1000u) /* TIMG_WDTCONFIG0_REG */
#define TIMER_WATCHDOG_KEY(group) NASC_REGISTER(0x6001F064u + (group) * 0x1000u)
#define SYSCLK NASC_REGISTER(0x600C0058u)      /* "System Registers": SYSTEM_SYSCLK_CONF_REG */
#define EFUSE_MAC_LOW NASC_REGISTER(0x60008844u) /* "eFuse Controller": EFUSE_RD_MAC_SPI_SYS_0_REG */
#define EFUSE_MAC_HIGH NASC_REGISTER(0x60008848u)

#define WATCHDOG_KEY_VALUE 0x50D83AA1u
#define SUPER_WATCHDOG_KEY_VALUE 0x8F1D312Au
#define SUPER_WATCHDOG_FEEDS_ITSELF (1u << 31)
#define RESET_SYSTEM (1u << 31)
#define SYSCLK_SOURCE_AND_DIVIDER 0xFFFu /* 0: the crystal, by 1 */

/* The ROM starts them, so that firmware that does not get going is noticed. */
void nasc_chip_start(void)
{
    SUPER_WATCHDOG_KEY = SUPER_WATCHDOG_KEY_VALUE;
    SUPER_WATCHDOG |= SUPER_WATCHDOG_FEEDS_ITSELF;
    SUPER_WATCHDOG_KEY = 0;
    for (uint32_t group = 0; group < 2; group++) {
        TIMER_WATCHDOG_KEY(group) = WATCHDOG_KEY_VALUE;
        TIMER_WATCHDOG(group) = 0;
        TIMER_WATCHDOG_KEY(group) = 0;
    }
    RTC_WATCHDOG_KEY = WATCHDOG_KEY_VALUE;
    RTC_WATCHDOG = 0;
    RTC_WATCHDOG_KEY = 0;
    SYSCLK &= ~SYSCLK_SOURCE_AND_DIVIDER;
}

/* The MAC address of the radio: six bytes. */
void nasc_chip_id(uint8_t id[12])
{
    nasc_put_u32(id, EFUSE_MAC_LOW);
    nasc_put_u32(id + 4, EFUSE_MAC_HIGH & 0xFFFFu);
}

void nasc_port_reset(void)
{
    RTC_OPTIONS0 |= RESET_SYSTEM;
    for (;;) {
    }
}
