"""The power is cut at every flash operation of an update and of a revert, on an emulated board.

Its flash is a file. The head from before or the new one runs afterwards, and the next update goes through.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.errors import UnreachableError
from nasc_sdk.mcu import smp_messages as messages
from nasc_sdk.mcu.boards import find_board
from nasc_sdk.mcu.build import build
from nasc_sdk.mcu.compile import compile_model, with_golden
from nasc_sdk.mcu.emulator import EmulatedBoard
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.serial_wire import SerialWire
from nasc_sdk.mcu.session import open_session
from nasc_sdk.mcu.smp_client import SmpClient
from nasc_sdk.runtime.select import open_runtime
from nasc_search.export import integer_reference
from nasc_search.export.quantize import quantize, quantize_array
from nasc_search.export.writer import write_int8
from tests.export.networks import TINY, case
from tests.firmware.harness import missing

WHY_NOT = missing("arm-none-eabi-gcc", "qemu-system-arm")
pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

BOARD = "ast1030-evb"
SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")
LARGEST_PLAN_BYTES = 2048
ENDED_WITHIN_S = 5.0
MOST_OPERATIONS = 50


class CutCommand(IntEnum):
    """What test builds know besides."""

    POWER_CUT = 0x403F

    @property
    def operation(self):
        return messages.Operation.WRITE


@dataclass(frozen=True)
class Head:
    plan: bytes
    image: bytes
    output: bytes

    @property
    def sha256(self):
        return hashlib.sha256(self.plan).hexdigest()


@dataclass(frozen=True)
class Bench:
    """Firmware for tests, and where its flash may lie."""

    board: object
    firmware: Path
    folder: Path

    @contextmanager
    def power(self, image):
        """The board with that flash; its power is cut at the end, if it still has any."""
        with EmulatedBoard(self.board, self.firmware, flash_image=image) as machine:
            client = SmpClient(SerialWire(machine.port))
            try:
                client.hello()
                yield machine, client
            finally:
                client.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("power-cut")
    board = find_board(BOARD)
    board = replace(board, emulator=replace(board.emulator, arguments=SEMIHOSTING))
    return Bench(board, build(board, folder, extra_defines=("NASC_POWER_CUT",)).elf, folder)


def small_head(seed):
    network, weights, ranges, batch = case(TINY.network(TINY.sample(np.random.default_rng(seed))), seed)
    quantized = quantize(network, weights, ranges)
    images, head = quantize_array(batch, quantized.input)[:1], quantized.head(1)
    data = write_int8(head)
    plan = with_golden(compile_model(data, Packing.DSP, "head"), data, open_runtime("auto"), "head").pack()
    assert len(plan) <= LARGEST_PLAN_BYTES
    return Head(plan, images.tobytes(), integer_reference.run(head, images).tobytes())


@pytest.fixture(scope="module")
def heads():
    return small_head(0), small_head(1)


def update(client, head):
    client.commit(client.upload(head.plan))


def revert(client, _):
    client.revert()


def cut_power_after(client, operations, *, torn):
    fields = {"after": operations, "torn": int(torn)}
    client._ask(CutCommand.POWER_CUT, fields, messages.decode_nothing)


def active(client):
    return [slot.sha256 for slot in client.slots() if slot.state is messages.SlotState.ACTIVE]


def wait_for_the_end(machine):
    deadline = time.monotonic() + ENDED_WITHIN_S
    while machine.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not machine.running


def works_until_the_cut(bench, image, work, head, cut, *, torn):
    """Whether it got to the end, for it has no operation of that number."""
    with bench.power(image) as (machine, client):
        cut_power_after(client, cut, torn=torn)
        try:
            work(client, head)
        except UnreachableError:
            wait_for_the_end(machine)
            return False
        return True


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
@pytest.mark.parametrize("work", [update, revert])
def test_a_power_cut_at_any_flash_operation_leaves_a_head_that_runs(bench, heads, work, torn):
    first, second = heads
    old, new = (first, second) if work is update else (second, first)
    start, image = bench.folder / "start", bench.folder / "cut"
    start.unlink(missing_ok=True)
    with bench.power(start) as (_, client):
        update(client, first)
        if work is revert:
            update(client, second)
    seen, cut = [], 0
    while True:
        shutil.copy(start, image)
        if works_until_the_cut(bench, image, work, new, cut, torn=torn):
            break
        with bench.power(image) as (_, client):
            (sha256,) = active(client)
            head = {old.sha256: old, new.sha256: new}[sha256]
            assert client.infer(head.image)[1] == head.output, cut
            seen.append(head)
            # Whatever was left behind, the update goes through now.
            update(client, second)
            assert active(client) == [second.sha256]
            assert client.infer(second.image)[1] == second.output, cut
        cut += 1
        assert cut < MOST_OPERATIONS
    # An update is two erases, the plan's pages and the record; a revert rewrites the record.
    pages = -(-len(new.plan) // 256)
    assert cut == (2 + pages + 1 if work is update else 2)
    assert old in seen


def test_a_committed_head_survives_from_one_session_to_the_next(tmp_path, heads):
    board, image = find_board(BOARD), tmp_path / "flash"
    with open_session(board, flash_image=image) as session:
        update(session._client, heads[0])
    with open_session(board, flash_image=image) as session:
        assert active(session._client) == [heads[0].sha256]
        assert session._client.infer(heads[0].image)[1] == heads[0].output
    with open_session(board) as session:
        assert active(session._client) == []
