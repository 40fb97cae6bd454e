"""Ports of boards that no emulator has, as far as an emulator has their parts: a sibling chip, or another core's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hardware_tests.heads import random_head

from nasc_sdk.mcu.boards import Emulator, KernelSet, find_board
from nasc_sdk.mcu.session import open_session
from tests.firmware.harness import missing

SHIFT = 7
INSTRUCTIONS_OF_A_WRAP = (1 << 24) / 200e6 * 1e9 / (1 << SHIFT)
"""Of SysTick at the AST1030's clock."""
WHY_NOT = missing("arm-none-eabi-gcc", "qemu-system-arm")
pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]


def on_machine(name, machine, swaps, **changes):
    """A board on another machine, some of its sources exchanged, or left out."""
    board = find_board(name)
    defines = {**board.build.defines, **changes.pop("defines", {})}
    sources = tuple(filter(None, (swaps.get(source, source) for source in board.build.sources)))
    build = replace(board.build, sources=sources, defines=defines, **changes.pop("build", {}))
    return replace(board, build=build, emulator=Emulator(machine, SHIFT), **changes)


def run_heads(board, heads):
    """What the board said of itself, and what each head took."""
    with open_session(board) as session:
        counts = []
        for space, seed in heads:
            model, image, expected = random_head(space, seed)
            session.bring(session.compile(model, space))
            count, output = session.infer(image)
            assert output == expected
            counts.append(count)
        return session.hello, counts


def test_systick_extended_by_its_interrupt_agrees_with_a_32_bit_timer():
    heads = [("fbnet", 1), ("fbnet", 2), ("fbnet", 3)]
    _, expected = run_heads(find_board("ast1030-evb"), heads)
    hello, counts = run_heads(
        on_machine("ast1030-evb", "ast1030-evb", {"ports/aspeed/timer.c": "ports/arm/cycles.c"}), heads
    )
    # The emulator's DWT does not count.
    assert hello.time_source == "systick"
    assert max(counts) > INSTRUCTIONS_OF_A_WRAP
    assert counts == pytest.approx(expected, rel=1e-3)


def test_stm32f4_receives_by_interrupt():
    """An STM32F405 has the same USART; its flash and its id are not emulated, so the store is in memory."""
    board = on_machine(
        "nucleo-f446re", "netduinoplus2",
        {"ports/stm32f4/store.c": "ports/ram/store.c", "ports/mapped_read.c": "", "ports/stm32/id.c": ""},
        arena_bytes=65_536, store_bytes=32_768, clock_hz=168_000_000,
        defines={"NASC_UART": 0x40011000, "NASC_UART_IRQ": 37},
    )  # fmt: skip
    hello, _ = run_heads(board, [("nb201", 1), ("fbnet", 1)])
    assert hello.time_source == "systick"


def test_nrf_receives_by_interrupt_and_writes_its_flash():
    """An nRF51 has the same UART and NVMC, but a Cortex-M0 and pages of 1 KB."""
    board = on_machine(
        "nrf52840-dk", "microbit", {}, kernels=KernelSet.PLAIN, core="cortex-m0",
        clock_hz=16_000_000, ram_bytes=16_384, flash_bytes=131_072, arena_bytes=4096, store_bytes=65_536,
        defines={"NASC_STORE_ORIGIN": 0x10000, "NASC_FLASH_PAGE": 1024},
        build={"flags": ("-mcpu=cortex-m0", "-mfloat-abi=soft", "-mthumb"), "code_bytes": 0x10000},
    )  # fmt: skip
    hello, _ = run_heads(board, [("nb201", 1), ("nb201", 2), ("nb201", 3)])
    assert hello.time_source == "systick"
    assert hello.slot_bytes == 31_744
