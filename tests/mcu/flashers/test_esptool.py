"""The real esptool against the loader of an ESP32 at a pseudo terminal."""

import importlib.util
import shutil

import pytest

from nasc_sdk.errors import FlashError, MissingToolError
from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mcu.build import build as build_firmware
from nasc_sdk.mcu.elf import read_elf
from nasc_sdk.mcu.flashers.esptool import Esptool
from nasc_sdk.mcu.flashers.flasher import wait_for_hello
from nasc_sdk.mcu.flashers.step import Action, Job
from tests.firmware.smp.building import build
from tests.mcu.flashers.elf_files import XTENSA
from tests.mcu.flashers.esp_rom import DEFLATED_DATA, MD5, MEM_END, Esp32
from tests.mcu.flashers.jobs import board_for, job_for

real = pytest.mark.skipif(importlib.util.find_spec("esptool") is None, reason="esptool is not installed")
PLACE, FLASH_BYTES = 0x1000, 4 << 20
SEGMENTS = ((0x3FFB0000, bytes(range(256)) * 40), (0x40080000, b"\x36\x41\x00" * 1000))


def job_at(port, folder):
    board = board_for("esptool", "esp32", address=PLACE, flash_bytes=FLASH_BYTES)
    return job_for(board, folder, segments=SEGMENTS, port=port, machine=XTENSA)


@real
@pytest.mark.system
def test_an_esp32_is_written_verified_and_says_hello(tmp_path):
    firmware = build(tmp_path, "server")
    with Esp32() as chip:
        job = job_at(chip.port, tmp_path)
        for step in Esptool().plan(job):
            Esptool().perform(job, step)
        image = job.binary.read_bytes()
        assert image[0] == 0xE9
        assert all(content in image for _, content in SEGMENTS)
        assert chip.flash[PLACE : PLACE + len(image)] == image
        assert set(chip.flash[:PLACE]) == {0xFF}
        # The stub was brought twice: for writing and for verifying.
        assert chip.seen[MEM_END] == 2
        assert chip.seen[DEFLATED_DATA] >= 1
        assert chip.seen[MD5] >= 2
        chip.boot(firmware)
        with Esptool().running(job) as port:
            assert wait_for_hello(job.board, port).board == "host-double"


@real
@pytest.mark.system
def test_worn_out_flash_is_noticed(tmp_path):
    with Esp32(broken_at=PLACE + 100) as chip:
        job = job_at(chip.port, tmp_path)
        convert, write, *_ = Esptool().plan(job)
        Esptool().perform(job, convert)
        with pytest.raises(FlashError, match=r"^esptool ended with status 2: .*(MD5|differs|match)"):
            Esptool().perform(job, write)


C3 = find_board("esp32-c3")


@real
@pytest.mark.system
@pytest.mark.skipif(shutil.which(C3.build.compiler) is None, reason=f"{C3.build.compiler} is not installed")
def test_our_own_firmware_for_an_esp32_c3_is_written(tmp_path):
    elf = build_firmware(C3, tmp_path).elf
    image = read_elf(elf.read_bytes())
    with Esp32(chip="esp32c3") as chip:
        job = Job(C3, elf, image, tmp_path, chip.port)
        for step in Esptool().plan(job):
            Esptool().perform(job, step)
        content = job.binary.read_bytes()
        assert content[0] == 0xE9
        assert all(segment.content in content for segment in image.segments)
        # Behind what esptool fills up to a whole block is nothing.
        assert chip.flash[: len(content)] == content
        assert set(chip.flash[-(2 << 20) :]) == {0xFF}


def test_resets_are_left_out_only_where_the_port_has_no_lines(tmp_path):
    words = [word for step in Esptool().plan(job_at("/dev/ttyUSB0", tmp_path)) for word in step.command]
    assert "default-reset" in words
    assert "hard-reset" in words
    words = [word for step in Esptool().plan(job_at("/dev/pts/3", tmp_path)) for word in step.command]
    assert not {"default-reset", "hard-reset"} & set(words)


def test_the_plan_says_what_goes_where(tmp_path):
    steps = Esptool().plan(job_at("/dev/ttyUSB0", tmp_path))
    assert [step.action for step in steps] == [Action.CONVERT, Action.WRITE, Action.VERIFY, Action.RESET]
    assert "at 0x1000 of the flash" in steps[1].what
    assert steps[0].command[-1] == str(tmp_path / "firmware.elf")
    assert "4MB" in steps[0].command


def test_what_to_install_and_under_which_licence(no_tools, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"esptool is not installed.*pip install 'esptool>=5' \(under the GPL"):
        Esptool().require()
