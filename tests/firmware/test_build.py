"""Every board's firmware builds without a warning, is small, and what cannot be built says why."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from functools import cache

import pytest

from nasc_sdk.errors import BuildError, InputError, MissingToolError
from nasc_sdk.mcu.boards import find_board, load_boards
from nasc_sdk.mcu.build import build
from nasc_sdk.mcu.rates import at_rate

BOARDS = load_boards()
CORTEX_M4 = [name for name, board in BOARDS.items() if board.core == "cortex-m4"]
MOST_CODE_BYTES = 40 * 1024
MOST_RAM_BYTES = 6 * 1024
COMPILER = "arm-none-eabi-gcc"
needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"{COMPILER} is not installed")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """By name; each is built once."""

    @cache
    def build_it(name):
        board = BOARDS[name]
        if shutil.which(board.build.compiler) is None:
            pytest.skip(f"{board.build.compiler} is not installed")
        return build(board, tmp_path_factory.mktemp(name))

    return build_it


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_builds(built, name):
    firmware = built(name)
    board = firmware.board
    assert 0 < firmware.code_bytes <= (board.build.code_bytes or board.flash_bytes)
    assert 0 < firmware.ram_bytes + board.arena_bytes < board.ram_bytes
    assert len(firmware.sha256) == 64


@pytest.mark.parametrize("name", CORTEX_M4)
def test_firmware_without_heads_is_small(built, name):
    firmware = built(name)
    assert firmware.code_bytes <= MOST_CODE_BYTES
    assert firmware.ram_bytes <= MOST_RAM_BYTES


@needs_compiler
def test_firmware_is_built_for_the_rate_that_is_asked_for(built, tmp_path):
    board = at_rate(BOARDS["nrf52840-dk"], 230_400)
    assert build(board, tmp_path).sha256 != built("nrf52840-dk").sha256


def crc_of_boot_rom(content):
    """RP2040 data sheet, "Flash Second Stage": CRC-32 of polynomial 04c11db7, from ffffffff on, not reflected."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 1 << 31 else 0)) & 0xFFFFFFFF
    return crc


def test_two_builds_are_the_same_file(built, tmp_path):
    # The only one with a source in assembler, whose temporary file would give it a name.
    assert build(find_board("rpi-pico"), tmp_path).sha256 == built("rpi-pico").sha256


def test_the_rp2040_takes_its_second_stage(built, tmp_path):
    content = tmp_path / "boot2"
    command = ["arm-none-eabi-objcopy", "-O", "binary", "-j", ".boot2", str(built("rpi-pico").elf), str(content)]
    subprocess.run(command, check=True, timeout=20)
    boot2 = content.read_bytes()
    assert len(boot2) == 256
    assert int.from_bytes(boot2[252:], "little") == crc_of_boot_rom(boot2[:252]), hex(crc_of_boot_rom(boot2[:252]))


@needs_compiler
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("int nasc_odd(void);\nint nasc_odd(void)\n{\n    int unused = 1;\n    return 2;\n}\n", "unused variable"),
        ("int nasc_odd(void)\n{\n    return nonsense;\n}\n", "'nonsense' undeclared"),
    ],
)
def test_a_warning_is_an_error_and_is_told(tmp_path, source, said):
    (tmp_path / "odd.c").write_text(source)
    board = find_board("mps2-an386")
    board = replace(board, build=replace(board.build, sources=(*board.build.sources, str(tmp_path / "odd.c"))))
    with pytest.raises(BuildError, match=rf"arm-none-eabi-gcc refused the firmware: .*odd\.c:.*{said}"):
        build(board, tmp_path / "out")


@needs_compiler
@pytest.mark.parametrize("changes", [{"build": {"code_bytes": 4096}}, {"arena_bytes": 1 << 25}])
def test_firmware_that_does_not_fit_is_told_by_the_linker(tmp_path, changes):
    board = find_board("mps2-an386")
    changes = {"build": replace(board.build, **changes.pop("build", {})), **changes}
    with pytest.raises(BuildError, match=r"will not fit in region|overflowed by"):
        build(replace(board, **changes), tmp_path)


def test_an_unknown_compiler_is_named(tmp_path):
    board = find_board("mps2-an386")
    odd = replace(board, build=replace(board.build, compiler="m68k-nasc-gcc"))
    reason = "m68k-nasc-gcc is not installed, and it builds the firmware of mps2-an386"
    with pytest.raises(MissingToolError, match=reason):
        build(odd, tmp_path)


@pytest.mark.parametrize(
    ("name", "package"), [("mps2-an386", "gcc-arm-none-eabi"), ("riscv32-virt", "gcc-riscv64-unknown-elf")]
)
def test_an_absent_compiler_says_how_to_get_it(tmp_path, monkeypatch, name, package):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match=f"apt install {package}"):
        build(find_board(name), tmp_path)


@needs_compiler
def test_a_source_that_is_not_there_is_named(tmp_path):
    board = find_board("mps2-an386")
    odd = replace(board, build=replace(board.build, sources=(*board.build.sources, "ports/nowhere.c")))
    with pytest.raises(InputError, match=r"mps2-an386 names .*ports/nowhere\.c, which is not there"):
        build(odd, tmp_path)
