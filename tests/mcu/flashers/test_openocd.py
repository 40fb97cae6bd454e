"""OpenOCD by a fake that records how it is called; a board and a probe are needed for the real one."""

import pytest

from nasc_sdk.errors import FlashError, InputError, MissingToolError
from nasc_sdk.mcu.flashers.openocd import Openocd
from tests.mcu.flashers.fake_tool import FakeTool
from tests.mcu.flashers.jobs import board_for, job_for

BOARD = board_for("openocd", "interface/stlink.cfg target/stm32f4x.cfg")


def perform_all(job):
    for step in Openocd().plan(job):
        Openocd().perform(job, step)


def test_one_command_writes_verifies_and_resets(tools, tmp_path):
    fake = FakeTool(tools, "openocd")
    perform_all(job_for(BOARD, tmp_path))
    program = f"program {{{tmp_path / 'firmware.elf'}}} verify reset exit"
    assert fake.calls == [["-f", "interface/stlink.cfg", "-f", "target/stm32f4x.cfg", "-c", program]]


def test_its_first_complaint_is_quoted(tools, tmp_path):
    # As OpenOCD 0.12 says it.
    said = "Info : clock speed 2000 kHz\\nError: open failed\\nin procedure 'program'\\n** OpenOCD init failed **"
    FakeTool(tools, "openocd", f"sys.stderr.write('''{said}'''); sys.exit(1)")
    with pytest.raises(FlashError, match=r"^openocd ended with status 1: Error: open failed$"):
        perform_all(job_for(BOARD, tmp_path))


def test_a_path_that_tcl_would_read_is_refused(tmp_path):
    folder = tmp_path / "a}b"
    folder.mkdir()
    with pytest.raises(InputError, match="no path with braces"):
        Openocd().plan(job_for(BOARD, folder))


def test_a_board_file_without_a_configuration(tmp_path):
    with pytest.raises(InputError, match="names no configuration of OpenOCD"):
        Openocd().plan(job_for(board_for("openocd"), tmp_path))


def test_what_to_install_and_under_which_licence(no_tools):
    with pytest.raises(MissingToolError, match=r"apt install openocd \(under the GPL"):
        Openocd().require()
