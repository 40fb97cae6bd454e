"""What holds for every flasher, and the wait for the firmware's hello."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from nasc_sdk.errors import InputError, RefusedError, RuntimeUnavailableError, UnreachableError
from nasc_sdk.mcu import detect, ports
from nasc_sdk.mcu.boards import Tool, find_board, load_boards
from nasc_sdk.mcu.build import build as build_firmware
from nasc_sdk.mcu.elf import read_elf
from nasc_sdk.mcu.flashers.flasher import flasher_of, run_plan, wait_for_hello
from nasc_sdk.mcu.flashers.prepare import prepare
from nasc_sdk.mcu.flashers.step import Action, Job, PortNeed
from tests.firmware.smp.building import build
from tests.firmware.smp.terminal import terminal_board
from tests.mcu.flashers.jobs import board_for, job_for

TARGETS = {Tool.ESPTOOL: "esp32", Tool.OPENOCD: "board/x.cfg", Tool.UF2: "rp2040"}
EMULATED = find_board("mps2-an386")
MISSING = next(
    (tool for tool in (EMULATED.build.compiler, EMULATED.emulator.command) if shutil.which(tool) is None), ""
)


def listed(*entries):
    """Serial ports as pyserial lists them."""
    return tuple(
        SimpleNamespace(vid=vid, pid=pid, device=port, description=None, serial_number=None)
        for port, vid, pid in entries
    )


@pytest.fixture
def attached(monkeypatch):
    """Sets the ports that are attached."""
    found = []
    monkeypatch.setattr(ports, "detect", lambda boards: detect.detect(boards, listed(*found)))
    return found


@pytest.mark.parametrize("tool", Tool)
def test_a_plan_needs_neither_tool_nor_firmware_nor_board(tool, tmp_path, no_tools):
    board = board_for(tool, TARGETS.get(tool, ""))
    job = Job(board, tmp_path / "absent.elf", None, tmp_path / "absent")
    steps = flasher_of(tool).plan(job)
    assert Action.WRITE in {step.action for step in steps}
    assert steps[-1].action is Action.RESET
    assert not list(tmp_path.iterdir())
    assert any("size unknown" in step.what for step in steps)


@pytest.mark.parametrize("name", load_boards())
def test_every_known_board_has_a_plan(name, tmp_path):
    board = load_boards()[name]
    origin = board.flash.address or board.build.code_origin
    job = job_for(board, tmp_path, segments=((origin, b"code"),), port="/dev/ttyX")
    # esptool counts from the start of the flash chip, the others in the processor's addresses.
    place = f"0x{board.flash.address:x} of" if board.flash.tool is Tool.ESPTOOL else f"0x{origin:08x}"
    write = next(step for step in flasher_of(board.flash.tool).plan(job) if step.action is Action.WRITE)
    assert "4 bytes" in write.what
    assert place in write.what


@pytest.mark.parametrize("tool", [tool for tool in Tool if tool is not Tool.ESPTOOL])
def test_what_lies_outside_the_flash_is_refused(tool, tmp_path):
    board = board_for(tool, TARGETS.get(tool, ""), flash_bytes=4096)
    with pytest.raises(InputError, match="is it the firmware of another board"):
        flasher_of(tool).plan(job_for(board, tmp_path))


@pytest.mark.system
@pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} is not installed")
def test_an_emulated_board_is_started_says_hello_and_ends(tmp_path):
    elf = build_firmware(EMULATED, tmp_path).elf
    hello = run_plan(Job(EMULATED, elf, read_elf(elf.read_bytes()), tmp_path))
    assert hello.board == "mps2-an386"
    assert hello.core == "cortex-m4"


def test_an_emulated_board_without_emulator(tmp_path):
    job = job_for(board_for("emulator"), tmp_path)
    with pytest.raises(RuntimeUnavailableError, match="is not emulated here"), flasher_of(Tool.EMULATOR).running(job):
        pass


@pytest.mark.system
def test_hello_of_another_board_and_of_none(tmp_path):
    board = board_for("uf2", "rp2040")
    with terminal_board(build(tmp_path, "server")) as (port, unplug):
        assert wait_for_hello(board, port).board == "host-double"
        with pytest.raises(RefusedError, match="has the firmware of host-double, not of other"):
            wait_for_hello(replace(board, name="other"), port)
        unplug()
        with pytest.raises(UnreachableError, match=r"says no hello within 1 s .*press its reset button"):
            wait_for_hello(board, port, timeout_s=1)


def test_the_one_attached_board_is_taken(attached):
    board = board_for("esptool", usb_ids=("10c4:ea60",))
    attached.append(("/dev/ttyUSB0", 0x10C4, 0xEA60))
    attached.append(("/dev/ttyACM0", 0x0483, 0x374B))
    assert ports.find_port(board, {}) == "/dev/ttyUSB0"


def test_no_board_and_several_are_told_with_their_ports(attached):
    board = board_for("esptool", usb_ids=("10c4:ea60",))
    attached.append(("/dev/ttyACM0", 0x0483, 0x374B))
    with pytest.raises(InputError, match=r"no host-double is attached.*10c4:ea60.*/dev/ttyACM0 \(0483:374b\).*--port"):
        ports.find_port(board, {})
    attached += [("/dev/ttyUSB0", 0x10C4, 0xEA60), ("/dev/ttyUSB1", 0x10C4, 0xEA60)]
    with pytest.raises(InputError, match=r"several ports may be host-double: /dev/ttyUSB0, /dev/ttyUSB1; .*--port"):
        ports.find_port(board, {})
    attached.clear()
    with pytest.raises(InputError, match=r"names no USB id; attached are no USB serial ports"):
        ports.find_port(board_for("esptool"), {})


def test_a_port_may_appear_with_the_firmware(attached, tmp_path, monkeypatch):
    job = job_for(board_for("uf2", "rp2040", usb_ids=("2e8a:000a",)), tmp_path)
    assert ports.find_port(job.board, {}, may_appear=True) == ""
    monkeypatch.setattr(ports, "_POLL_S", 0.01)
    monkeypatch.setattr(ports.time, "sleep", lambda _: attached.append(("/dev/ttyACM7", 0x2E8A, 0x000A)))
    with ports.port_after_reset(job) as port:
        assert port == "/dev/ttyACM7"
    monkeypatch.undo()
    with ports.port_after_reset(replace(job, port="/dev/ttyX")) as port:
        assert port == "/dev/ttyX"


def test_no_port_appears(attached, tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "APPEAR_TIMEOUT_S", 0.0)
    job = job_for(board_for("uf2", "rp2040"), tmp_path)
    with pytest.raises(UnreachableError, match="it is flashed, but no serial port"), ports.port_after_reset(job):
        pass


def test_a_dry_run_lists_all_that_is_lacking(attached, tmp_path, no_tools):
    board = board_for("stm32flash")
    board = replace(board, build=replace(board.build, compiler="absent-gcc"))
    prepared = prepare(board, {}, tmp_path, dry_run=True)
    parts = ("stm32flash is not", "no host-double is", "absent-gcc is not")
    assert all(part in sentence for part, sentence in zip(parts, prepared.lacking, strict=True))
    assert prepared.steps[1].command[-1] == "PORT"
    assert prepared.job.image is None


def test_a_port_is_looked_for_only_where_one_is_needed(attached, tmp_path):
    elf = job_for(board_for("uf2", "rp2040"), tmp_path).elf
    with pytest.raises(InputError, match="is emulated here: leave --port /dev/x out"):
        prepare(board_for("emulator"), {}, tmp_path, firmware=elf, port="/dev/x")
    assert prepare(board_for("emulator"), {}, tmp_path, firmware=elf).job.port == ""
    assert prepare(board_for("uf2", "rp2040", usb_ids=("2e8a:000a",)), {}, tmp_path, firmware=elf).job.port == ""
    with pytest.raises(InputError, match="no host-double is attached"):
        prepare(board_for("uf2", "rp2040"), {}, tmp_path, firmware=elf)


def test_every_tool_says_when_it_needs_the_port():
    assert {tool: flasher_of(tool).port_need for tool in Tool} == {
        Tool.EMULATOR: PortNeed.NONE, Tool.ESPTOOL: PortNeed.BEFORE, Tool.STM32FLASH: PortNeed.BEFORE,
        Tool.PYOCD: PortNeed.AFTER, Tool.OPENOCD: PortNeed.AFTER, Tool.DFU_UTIL: PortNeed.AFTER,
        Tool.UF2: PortNeed.AFTER,
    }  # fmt: skip


def test_a_firmware_that_is_not_there(attached, tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*absent\.elf: No such file"):
        prepare(board_for("emulator"), {}, tmp_path, firmware=tmp_path / "absent.elf")
    empty = tmp_path / "empty.elf"
    empty.touch()
    with pytest.raises(InputError, match="is no ELF file: 0 bytes"):
        prepare(board_for("emulator"), {}, tmp_path, firmware=empty)
