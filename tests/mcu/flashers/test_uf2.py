"""UF2 files, decoded again by the words of the format's specification, and a folder as the boot drive."""

import struct

import pytest

from nasc_sdk.errors import InputError, StorageError, UnreachableError
from nasc_sdk.mcu.flashers import uf2
from nasc_sdk.mcu.flashers.flasher import run_plan
from nasc_sdk.mcu.flashers.step import Action
from tests.firmware.smp.building import build
from tests.firmware.smp.terminal import terminal_board
from tests.mcu.flashers.jobs import SEGMENTS, board_for, job_for

BOARD = board_for("uf2", "rp2040")


@pytest.fixture
def drive(tmp_path):
    folder = tmp_path / "RPI-RP2"
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    return folder


def decode(content):
    """Bytes by address; asserts what the specification asks of each block."""
    assert len(content) % 512 == 0
    count, flash = len(content) // 512, {}
    for number in range(count):
        block = content[number * 512 : number * 512 + 512]
        words = struct.unpack_from("<8I", block)
        assert words[:2] == (0x0A324655, 0x9E5D5157)
        assert struct.unpack_from("<I", block, 508) == (0x0AB16F30,)
        flags, address, payload, block_number, blocks, family = words[2:]
        assert (flags, payload, block_number, blocks, family) == (0x2000, 256, number, count, 0xE48BFF56)
        assert address % 256 == 0
        assert not any(block[32 + 256 : 508])
        for place, byte in enumerate(block[32 : 32 + 256], address):
            assert place not in flash
            flash[place] = byte
    return flash


@pytest.mark.parametrize(
    "segments",
    [
        SEGMENTS,
        ((0x08000001, b"x"),),
        ((0x080000FF, b"xy"),),
        ((0x08000000, bytes(range(256)) * 2),),
        # Two segments in one page.
        ((0x08000010, b"first"), (0x08000020, b"second"), (0x080000F0, b"over the page's end")),
    ],
)
def test_every_block_is_decoded_again(tmp_path, segments):
    job = job_for(BOARD, tmp_path, segments=segments)
    flash = decode(uf2.encode(job.image, uf2.family_of("rp2040")))
    wanted = {address + place: byte for address, content in segments for place, byte in enumerate(content)}
    assert {place: flash[place] for place in wanted} == wanted
    # Pages that nothing is in are not written.
    assert {place // 256 for place in flash} == {place // 256 for place in wanted}
    assert not any(byte for place, byte in flash.items() if place not in wanted)


def test_the_firmware_arrives_on_the_drive(tmp_path, drive):
    job = job_for(BOARD, tmp_path, drive=drive)
    flasher = uf2.Uf2()
    flasher.require()
    steps = flasher.plan(job)
    assert [step.action for step in steps] == [Action.CONVERT, Action.WRITE, Action.VERIFY, Action.RESET]
    assert not (drive / "nasc-host-double.uf2").exists()
    for step in steps:
        flasher.perform(job, step)
    assert (drive / "nasc-host-double.uf2").read_bytes() == uf2.encode(job.image, 0xE48BFF56)


@pytest.mark.system
def test_a_whole_plan_up_to_the_hello(tmp_path, drive):
    with terminal_board(build(tmp_path, "server")) as (port, _):
        job, told = job_for(BOARD, tmp_path, drive=drive, port=port), []
        assert run_plan(job, told.append).board == "host-double"
        assert tuple(told) == uf2.Uf2().plan(job)


def test_the_drive_is_looked_for_and_waited_for(tmp_path, drive, monkeypatch):
    places = iter([[], [], [tmp_path, drive]])
    monkeypatch.setattr(uf2, "usual_places", lambda: next(places))
    monkeypatch.setattr(uf2, "_POLL_S", 0.01)
    assert uf2.wait_for_drive("x", None) == drive


def test_no_drive_and_several(tmp_path, drive, monkeypatch):
    with pytest.raises(UnreachableError, match=r"a folder with INFO_UF2\.TXT\) within 0 s at .*boot button"):
        uf2.wait_for_drive("x", tmp_path, timeout_s=0)
    monkeypatch.setattr(uf2, "usual_places", lambda: [drive, drive])
    with pytest.raises(InputError, match="several boot drives"):
        uf2.wait_for_drive("x", None)


def test_drives_of_other_boards_are_left_alone(tmp_path, drive):
    other = tmp_path / "OTHER"
    other.mkdir()
    (other / "INFO_UF2.TXT").write_text("UF2 Bootloader v1\nBoard-ID: SAMD51J19A\n")
    places = (tmp_path, other, drive)
    assert uf2.find_drives(places, "RPI-RP2") == (drive,)
    assert uf2.find_drives(places, "samd51") == (other, drive)
    assert uf2.family_of("RPI-RP2") == uf2.family_of("rp2040")


def test_a_drive_that_refuses(tmp_path, drive):
    (drive / "x.uf2").mkdir()
    with pytest.raises(StorageError, match=r"x\.uf2"):
        uf2.copy_to_drive(b"x" * 512, drive, "x.uf2")


def test_a_board_restarts_as_soon_as_it_has_all(drive, monkeypatch):
    def restart(handle):
        (drive / "INFO_UF2.TXT").unlink(missing_ok=True)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(uf2.os, "fsync", restart)
    uf2.copy_to_drive(b"x" * 512, drive, "x.uf2")


def test_a_drive_that_fails_but_stays_is_told(drive, monkeypatch):
    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uf2.os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        uf2.copy_to_drive(b"x" * 512, drive, "x.uf2")


@pytest.mark.parametrize(("target", "family"), [("rp2040", 0xE48BFF56), ("0xADA52840", 0xADA52840)])
def test_families(target, family):
    assert uf2.family_of(target) == family


@pytest.mark.parametrize("target", ["", "rp9999", "0x", "0x1ffffffff", "-0x1"])
def test_families_that_are_none(target):
    with pytest.raises(InputError, match="is no UF2 family"):
        uf2.family_of(target)
