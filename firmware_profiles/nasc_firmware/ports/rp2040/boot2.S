/* Second stage of the RP2040's start (data sheet, "Flash Second Stage"): the boot ROM copies the first 256 bytes of
 * flash to RAM and runs them if their CRC is right. This one makes flash readable with command 03h, which all chips
 * know, copies the firmware to RAM, and starts it as a Cortex-M starts: stack and entry from its vectors. */
    .file "boot2.S"                 /* or else a temporary name, and no two builds are the same */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .equ SSI, 0x18000000            /* "SSI", list of registers */
    .equ SSI_CTRLR0, 0x00
    .equ SSI_CTRLR1, 0x04
    .equ SSI_SSIENR, 0x08
    .equ SSI_BAUDR, 0x14
    .equ SSI_SPI_CTRLR0, 0xF4
    .equ IMAGE, 0x10000100          /* as in memory.ld */
    .equ FIRMWARE, 0x20000000
    .equ FIRMWARE_BYTES, 0x10000
    .equ VTOR, 0xE000ED08

    .section .boot2, "ax"
    ldr r3, =SSI
    movs r0, #0
    str r0, [r3, #SSI_SSIENR]
    movs r0, #4                     /* clock of the bus by 4 */
    str r0, [r3, #SSI_BAUDR]
    ldr r0, =0x001F0300             /* one data line, frames of 32 bits, command and address before they are read */
    str r0, [r3, #SSI_CTRLR0]
    movs r0, #0                     /* one frame a read */
    str r0, [r3, #SSI_CTRLR1]
    ldr r0, =0x03000218             /* command 03h of 8 bits, address of 24 bits */
    movs r1, #SSI_SPI_CTRLR0
    str r0, [r3, r1]
    movs r0, #1
    str r0, [r3, #SSI_SSIENR]

    ldr r0, =IMAGE
    ldr r1, =FIRMWARE
    ldr r2, =FIRMWARE_BYTES
copy:
    ldr r3, [r0]
    str r3, [r1]
    adds r0, #4
    adds r1, #4
    subs r2, #4
    bne copy

    ldr r0, =VTOR
    ldr r1, =FIRMWARE
    str r1, [r0]
    ldmia r1!, {r2, r3}
    msr msp, r2
    bx r3

    .ltorg
    .org 252
    .word 0x78E8BF0C                /* CRC of what is before; tests/firmware/test_build.py says which one is right */
