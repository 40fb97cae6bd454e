"""The real stm32flash against the boot loader of an STM32 (AN3155) at a pseudo terminal."""

import shutil

import pytest

from nasc_sdk.errors import FlashError, InputError, MissingToolError
from nasc_sdk.mcu.flashers.flasher import wait_for_hello
from nasc_sdk.mcu.flashers.stm32flash import Stm32flash
from tests.firmware.smp.building import build
from tests.mcu.flashers.jobs import SEGMENTS, board_for, job_for
from tests.mcu.flashers.stm32_loader import GO, Stm32

real = pytest.mark.skipif(shutil.which("stm32flash") is None, reason="stm32flash is not installed")
BOARD = board_for("stm32flash")


def perform_all(job):
    for step in Stm32flash().plan(job):
        Stm32flash().perform(job, step)


@real
@pytest.mark.system
def test_an_stm32_is_written_verified_and_says_hello(tmp_path):
    firmware = build(tmp_path, "server")
    with Stm32() as chip:
        job = job_for(BOARD, tmp_path, port=chip.port)
        perform_all(job)
        (_, first), (second_at, second) = SEGMENTS
        assert chip.flash[: len(first)] == first
        place = second_at - SEGMENTS[0][0]
        assert set(chip.flash[len(first) : place]) == {0xFF}
        assert chip.flash[place : place + len(second)] == second
        assert chip.started == 0x08000000
        assert chip.commands[-1] == GO
        chip.boot(firmware)
        with Stm32flash().running(job) as port:
            assert wait_for_hello(BOARD, port).board == "host-double"


@real
@pytest.mark.system
def test_worn_out_flash_is_noticed(tmp_path):
    with Stm32(broken_at=1000) as chip:
        job = job_for(BOARD, tmp_path, port=chip.port)
        with pytest.raises(FlashError, match=r"^stm32flash ended with status 1: Failed to verify at address 0x080003"):
            perform_all(job)
        assert chip.started is None


@real
@pytest.mark.system
def test_a_chip_that_is_not_in_its_loader(tmp_path):
    class Silent(Stm32):
        def serve(self):
            while True:
                self.read(1)

    with Silent() as chip, pytest.raises(FlashError, match=r"stm32flash ended with status 1: Failed to init device"):
        perform_all(job_for(BOARD, tmp_path, port=chip.port))


def test_parity_is_given_up_only_at_a_pseudo_terminal(tmp_path):
    for port, mode in (("/dev/ttyUSB0", "8e1"), ("/dev/pts/3", "8n1")):
        command = Stm32flash().plan(job_for(BOARD, tmp_path, port=port))[1].command
        assert command[command.index("-m") + 1] == mode
        assert command[-1] == port


def test_the_firmware_of_another_board_is_refused_before_anything_is_touched(tmp_path):
    job = job_for(BOARD, tmp_path, segments=((0x08000000, b"x"), (0x20000000, b"y")))
    with pytest.raises(InputError, match=r"0x08000000-0x20000001, the flash of host-double is 0x08000000-0x08100000"):
        Stm32flash().plan(job)


def test_what_to_install_and_under_which_licence(no_tools):
    with pytest.raises(MissingToolError, match=r"stm32flash is not installed.*apt install stm32flash \(under the GPL"):
        Stm32flash().require()
