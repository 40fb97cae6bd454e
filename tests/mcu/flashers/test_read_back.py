"""pyOCD and dfu-util by fakes that record how they are called; both give the flash back, which is compared here."""

import pytest

from nasc_sdk.errors import FlashError, MissingToolError
from nasc_sdk.mcu.flashers.dfu_util import DfuUtil
from nasc_sdk.mcu.flashers.pyocd import Pyocd
from tests.mcu.flashers.fake_tool import FakeTool
from tests.mcu.flashers.jobs import board_for, job_for

# What a board would give back: the image, as the test left it beside the executable.
PYOCD = """
if arguments[0] == "commander":
    open(arguments[-1].split()[-1], "wb").write(open({image!r}, "rb").read())
"""
DFU_UTIL = """
if "--upload" in arguments:
    import os
    assert not os.path.exists(arguments[-1]), "dfu-util refuses to write over a file"
    open(arguments[-1], "wb").write(open({image!r}, "rb").read())
"""
CASES = {
    "pyocd": (Pyocd, "pyocd", board_for("pyocd", "stm32f407vg"), PYOCD),
    "dfu-util": (DfuUtil, "dfu-util", board_for("dfu-util", "0483:df11"), DFU_UTIL),
}


@pytest.fixture(params=CASES)
def case(request, tools, tmp_path):
    """The flasher, its fake, a job, and the file that stands for the board's flash."""
    flasher, name, board, body = CASES[request.param]
    image = tmp_path / "flash.bin"
    job = job_for(board, tmp_path)
    image.write_bytes(job.image.flat())
    return flasher(), FakeTool(tools, name, body.format(image=str(image))), job, image


def perform_all(flasher, job):
    for step in flasher.plan(job):
        flasher.perform(job, step)


def test_what_was_written_is_what_is_read(case):
    flasher, fake, job, _ = case
    perform_all(flasher, job)
    perform_all(flasher, job)
    commands = [list(step.command[1:]) for step in flasher.plan(job) if step.command]
    assert fake.calls == commands * 2


@pytest.mark.parametrize("change", ["bit", "short"])
def test_a_difference_is_told_with_its_address(case, change):
    flasher, _, job, image = case
    content = bytearray(image.read_bytes())
    content[0x123] ^= 0x10
    image.write_bytes(content if change == "bit" else content[:-1])
    different = f"at 0x08000123 where 0x{content[0x123] ^ 0x10:02x} was written"
    reason = different if change == "bit" else "gave back 4695 of 4696 bytes"
    with pytest.raises(FlashError, match=reason):
        perform_all(flasher, job)


def test_a_tool_that_fails_before_it_reads(case):
    flasher, fake, job, _ = case
    fake.rewrite("print('dfu-util 0.11'); print('No DFU capable USB device available'); sys.exit(74)")
    with pytest.raises(FlashError, match=r"ended with status 74: No DFU capable USB device available"):
        perform_all(flasher, job)
    assert len(fake.calls) == 1


def test_arguments_of_dfu_util(tools, tmp_path):
    _, write, verify, _ = DfuUtil().plan(job_for(CASES["dfu-util"][2], tmp_path))
    start = ("--device", "0483:df11", "--alt", "0", "--dfuse-address")
    assert write.command[1:] == (*start, "0x08000000", "--download", str(tmp_path / "nasc-host-double.bin"))
    assert verify.command[1:6] == start
    assert verify.command[6] == "0x08000000:4696:leave"


def test_arguments_of_pyocd(tools, tmp_path):
    FakeTool(tools, "pyocd")
    job = job_for(CASES["pyocd"][2], tmp_path)
    target = ("--no-wait", "--target", "stm32f407vg")
    load, read, reset = (step.command[1:] for step in Pyocd().plan(job))
    assert load == ("load", *target, "--erase", "sector", "--no-reset", "--format", "elf", str(job.elf))
    assert read == ("commander", *target, "--command", f"savemem 0x8000000 4696 {job.binary}")
    assert reset == ("reset", *target)


def test_what_to_install(no_tools):
    with pytest.raises(MissingToolError, match=r"pip install pyocd$"):
        Pyocd().require()
    with pytest.raises(MissingToolError, match=r"apt install dfu-util \(under the GPL"):
        DfuUtil().require()
