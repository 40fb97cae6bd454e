/* The store in the SPI flash of an ESP32-C3 module, by functions of its ROM (ESP-IDF, components/esp_rom, "spiflash
 * legacy", which gives their addresses). The firmware never maps flash: plans run from copies in RAM, one for each
 * slot, since the active one is in use while the other is checked. */
#include "port.h"
#include "ports/parts.h"

enum { SECTOR = 4096, SLOTS = 2, WINDOW = NASC_STORE_BYTES / SLOTS - SECTOR };
enum { BLOCK = 1 << 16, PAGE = 256, STATUS_MASK = 0xFFFF, DEVICE = 0, FINE = 0 };

typedef int (*configure_t)(uint32_t device, uint32_t flash, uint32_t block, uint32_t sector, uint32_t page,
                           uint32_t status_mask);
typedef int (*unlock_t)(void);
typedef int (*erase_t)(uint32_t sector);
typedef int (*write_t)(uint32_t address, const uint32_t *words, int32_t count);
typedef int (*read_t)(uint32_t address, uint32_t *words, int32_t count);

#define CONFIGURE ((configure_t)(uintptr_t)0x40000134u)
#define UNLOCK ((unlock_t)(uintptr_t)0x40000140u)
#define ERASE ((erase_t)(uintptr_t)0x40000128u)
#define WRITE ((write_t)(uintptr_t)0x4000012Cu)
#define READ ((read_t)(uintptr_t)0x40000130u)

static union {
    uint32_t words[WINDOW / 4];
    uint8_t bytes[WINDOW];
} windows[SLOTS] __attribute__((aligned(16), section(".noinit")));

static union {
    uint32_t words[PAGE / 4];
    uint8_t bytes[PAGE];
} page;

void nasc_flash_start(void)
{
    (void)CONFIGURE(DEVICE, NASC_FLASH_BYTES, BLOCK, SECTOR, PAGE, STATUS_MASK);
    (void)UNLOCK();
}

uint32_t nasc_port_flash_bytes(void)
{
    return NASC_STORE_BYTES;
}

uint32_t nasc_port_flash_sector(void)
{
    return SECTOR;
}

static uint32_t smaller(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

nasc_status_t nasc_port_flash_read(uint32_t offset, void *bytes, uint32_t count)
{
    uint8_t *to = bytes;
    for (uint32_t done = 0; done < count; done += PAGE) {
        uint32_t part = smaller(count - done, PAGE);
        if (READ(NASC_STORE_ORIGIN + offset + done, page.words, PAGE) != FINE) {
            return NASC_FLASH_FAILED;
        }
        for (uint32_t place = 0; place < part; place++) {
            to[done + place] = page.bytes[place];
        }
    }
    return NASC_OK;
}

nasc_status_t nasc_port_flash_erase(uint32_t offset)
{
    return ERASE((NASC_STORE_ORIGIN + offset) / SECTOR) == FINE ? NASC_OK : NASC_FLASH_FAILED;
}

nasc_status_t nasc_port_flash_program(uint32_t offset, const void *bytes, uint32_t count)
{
    const uint8_t *from = bytes;
    for (uint32_t done = 0; done < count; done += PAGE) {
        uint32_t part = smaller(count - done, PAGE);
        for (uint32_t place = 0; place < PAGE; place++) {
            page.bytes[place] = place < part ? from[done + place] : 0xFF;
        }
        if (WRITE(NASC_STORE_ORIGIN + offset + done, page.words, PAGE) != FINE) {
            return NASC_FLASH_FAILED;
        }
    }
    return NASC_OK;
}

/* What cannot be read fails the plan's digest. */
const uint8_t *nasc_port_flash_map(uint32_t offset, uint32_t count)
{
    uint32_t slot = offset / (NASC_STORE_BYTES / SLOTS), fitting = smaller(count, WINDOW);
    uint8_t *window = windows[slot].bytes;
    if (nasc_port_flash_read(offset, window, fitting) != NASC_OK) {
        window[0] = 0; /* no plan starts so */
    }
    return window;
}
