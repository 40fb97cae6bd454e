"""Board files: what is wrong with one is told with its name; attached boards are recognised."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from nasc_sdk.errors import InputError, MissingToolError, RuntimeUnavailableError
from nasc_sdk.mcu.boards import FOLDER_VARIABLE, find_board, firmware_folder, load_boards
from nasc_sdk.mcu.detect import detect
from nasc_sdk.mcu.emulator import EmulatedBoard

KNOWN = firmware_folder() / "boards/mps2-an386.toml"
FOR_HARDWARE = ("esp32-c3", "nrf52840-dk", "nucleo-f446re", "nucleo-h743zi", "rpi-pico")


def own_board(folder, old="", new=""):
    text = KNOWN.read_text()
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new) if old else text)
    return path


def test_known_boards_have_room_for_heads():
    boards = load_boards()
    assert set(FOR_HARDWARE) <= set(boards)
    for board in boards.values():
        assert board.arena_bytes < board.ram_bytes
        assert board.store_bytes <= max(board.flash_bytes, board.ram_bytes)
        assert (board.emulator is None) == (board.name in FOR_HARDWARE)


@pytest.mark.parametrize("name", FOR_HARDWARE)
def test_boards_for_hardware_say_how_they_are_recognised_and_flashed(name):
    board = find_board(name)
    assert board.usb.ids
    assert board.flash.target


def test_a_board_of_ones_own_is_added_and_may_replace_a_known_one(tmp_path, monkeypatch):
    own_board(tmp_path, 'title = "Arm MPS2, image AN386"', 'title = "Mine"')
    assert find_board("mine", tmp_path).title == "Mine"
    (tmp_path / "mps2-an386.toml").write_text((tmp_path / "mine.toml").read_text())
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert find_board("mps2-an386").title == "Mine"


def test_a_name_that_is_not_known_lists_the_others():
    with pytest.raises(InputError, match=r"no board 'mps2'; known are .*mps2-an386.*NASC_BOARDS"):
        find_board("mps2")


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder of board files"):
        load_boards(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("arena_bytes = 262_144", 'arena_bytes = "much"', "arena_bytes"),
        ("arena_bytes = 262_144\n", "", "arena_bytes"),
        ("arena_bytes = 262_144", "arena_bytes = -1", "arena_bytes"),
        ("code_origin = 0x00000000", "code_origin = 0x1_0000_0000", "code_origin"),
        ('kernels = "dsp"', 'kernels = "neon"', "neon"),
        ('tool = "emulator"', 'tool = "soldering-iron"', "soldering-iron"),
        ("ids = []", 'ids = ["0483:374B"]', "usb.ids"),
        ("icount_shift = 7", "icount_shift = 11", "icount_shift"),
        ('linker = "ports/arm/memory.ld"\n', "", "linker"),
        ("[build]", "[build", "line"),
        ("baud = 115_200", "baud = 115_200\nrates = [9600]", "baud 115200 is not among rates"),
        ("baud = 115_200", "baud = 115_200\nrates = [115_200, 7]", "serial.rates"),
    ],
)
def test_what_describes_no_board_is_told_with_its_file(tmp_path, old, new, said):
    path = own_board(tmp_path, old, new)
    with pytest.raises(InputError, match=said) as caught:
        load_boards(tmp_path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"mine\.toml describes no board"):
        load_boards(tmp_path)


def fake_port(device, vid=None, pid=None, serial_number=None):
    return SimpleNamespace(device=device, vid=vid, pid=pid, description=f"at {device}", serial_number=serial_number)


def test_attached_boards_are_recognised_by_vendor_and_product():
    ports = [
        fake_port("/dev/ttyS0"),
        fake_port("/dev/ttyUSB1", 0xDEAD, 0xBEEF),
        fake_port("/dev/ttyUSB0", 0x1366, 0x1015, "683"),
        fake_port("/dev/ttyACM0", 0x0483, 0x374B),
    ]
    nucleo, dk, unknown = detect(load_boards(), ports)
    # Both have the same debug probe: which one it is, the firmware's hello says.
    assert (nucleo.port, nucleo.boards) == ("/dev/ttyACM0", ("nucleo-f446re", "nucleo-h743zi"))
    assert (dk.port, dk.usb_id, dk.serial_number, dk.boards) == ("/dev/ttyUSB0", "1366:1015", "683", ("nrf52840-dk",))
    assert (unknown.port, unknown.boards, unknown.serial_number) == ("/dev/ttyUSB1", (), "")


def test_a_board_without_an_emulator_is_not_emulated(tmp_path):
    with pytest.raises(RuntimeUnavailableError, match="nrf52840-dk is not emulated here"):
        EmulatedBoard(find_board("nrf52840-dk"), tmp_path / "nasc.elf")


@pytest.mark.parametrize(("name", "package"), [("mps2-an386", "qemu-system-arm"), ("riscv32-virt", "qemu-system-misc")])
def test_an_absent_emulator_says_how_to_get_it(tmp_path, monkeypatch, name, package):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match=f"apt install {package}$"):
        EmulatedBoard(find_board(name), tmp_path / "nasc.elf")


@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed")
def test_a_board_that_keeps_no_flash_in_a_file_is_not_given_one(tmp_path):
    with pytest.raises(InputError, match="mps2-an386 keeps no flash in a file"):
        EmulatedBoard(find_board("mps2-an386"), tmp_path / "nasc.elf", flash_image=tmp_path / "flash")
