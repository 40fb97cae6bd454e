"""Two slots in flash: updates, reverts, and the power cut at every flash operation of either."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.mcu.compile import compile_model, with_golden
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.smp_messages import Status
from nasc_sdk.runtime.select import open_runtime
from nasc_search.export.quantize import quantize
from nasc_search.export.writer import write_int8
from tests.export.networks import TINY, case
from tests.firmware.host import HEAD_SOURCES, build_host, needs_compiler

pytestmark = needs_compiler

CUT = 99
BUSY_FOR_EVER = 2


@dataclass(frozen=True)
class Outcome:
    status: int
    said: list[int]
    operations: int
    active: str
    trial: int


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    firmware = (*HEAD_SOURCES, "store.c", "digest/sha256.c")
    source = Path(__file__).with_name("store_host.c")
    return build_host(tmp_path_factory.mktemp("store"), "store-host", source, firmware=firmware)


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """Three heads, the third with a golden output that is not its own."""
    folder = tmp_path_factory.mktemp("plans")
    paths = []
    for seed in range(3):
        network, weights, ranges, _ = case(TINY.network(TINY.sample(np.random.default_rng(seed))), seed)
        data = write_int8(quantize(network, weights, ranges).head(2))
        plan = compile_model(data, Packing.PLAIN, "head")
        paths.append(folder / f"{seed}.plan")
        paths[-1].write_bytes((plan if seed == 2 else with_golden(plan, data, open_runtime("auto"), "head")).pack())
    return paths


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(program, image, *work, cut=-1, torn=False):
    done = subprocess.run(
        [program, image, str(cut), str(int(torn)), *map(str, work)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode in (0, CUT), done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    said = [int(words[1]) for words in lines if words[0] in ("update", "revert")]
    operations = next(int(words[0]) for words in lines if words[1] == "operations")
    active = next(((words[1], int(words[3])) for words in lines if words[0] == "active"), ("", 0))
    return Outcome(done.returncode, said, operations, *active)


def test_an_update_stays_over_a_restart(program, plans, tmp_path):
    assert run(program, tmp_path / "flash").active == ""
    assert run(program, tmp_path / "flash", plans[0]).said == [0]
    again = run(program, tmp_path / "flash")
    assert (again.active, again.trial, again.operations) == (digest(plans[0]), 0, 0)
    assert run(program, tmp_path / "flash", plans[1]).active == digest(plans[1])


def test_revert_goes_back_and_forth(program, plans, tmp_path):
    found = run(program, tmp_path / "flash", plans[0], plans[1], "revert")
    assert (found.said, found.active) == ([0, 0, 0], digest(plans[0]))
    assert run(program, tmp_path / "flash").active == digest(plans[0])
    assert run(program, tmp_path / "flash", "revert").active == digest(plans[1])


def test_nothing_to_go_back_to(program, plans, tmp_path):
    assert run(program, tmp_path / "flash", "revert").said == [2]
    assert run(program, tmp_path / "flash", plans[0], "revert").said == [0, 2]


def test_a_head_that_answers_wrongly_is_not_committed(program, plans, tmp_path):
    found = run(program, tmp_path / "flash", plans[0], plans[2])
    assert (found.said, found.active, found.trial) == ([0, 8], digest(plans[0]), 0)


def test_a_head_that_is_too_large_is_refused_before_anything_is_written(program, plans, tmp_path):
    run(program, tmp_path / "flash", plans[0])
    large = tmp_path / "large"
    large.write_bytes(bytes(1 << 17))
    found = run(program, tmp_path / "flash", large)
    assert (found.said, found.operations, found.active) == ([4], 0, digest(plans[0]))


def test_flash_that_stays_busy_is_told_and_leaves_the_old_head(program, plans, tmp_path):
    start, image = tmp_path / "start", tmp_path / "busy"
    run(program, start, plans[0])
    shutil.copy(start, image)
    whole = run(program, image, plans[1]).operations
    assert whole > 3
    for operation in range(whole):
        shutil.copy(start, image)
        found = run(program, image, plans[1], cut=operation, torn=BUSY_FOR_EVER)
        assert (found.said, found.active) == ([Status.BUSY], digest(plans[0])), operation
        assert run(program, image, plans[1]).active == digest(plans[1])


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
@pytest.mark.parametrize("work", ["update", "revert"])
def test_a_power_cut_at_any_flash_operation_leaves_the_old_head_or_the_new(program, plans, tmp_path, work, torn):
    start = tmp_path / "start"
    run(program, start, plans[0], *([plans[1]] if work == "revert" else []))
    old, new = (plans[1], plans[0]) if work == "revert" else (plans[0], plans[1])
    step = "revert" if work == "revert" else plans[1]
    operations, seen = None, set()
    for cut in range(200):
        image = tmp_path / "cut"
        shutil.copy(start, image)
        found = run(program, image, step, cut=cut, torn=torn)
        if found.status == 0:
            operations = cut
            break
        after = run(program, image)
        assert after.active in (digest(old), digest(new)), cut
        assert after.trial == 0
        seen.add(after.active)
        # Whatever was left behind, the update goes through now.
        assert run(program, image, plans[1]).active == digest(plans[1])
    assert operations is not None
    assert operations >= 2
    assert digest(old) in seen
