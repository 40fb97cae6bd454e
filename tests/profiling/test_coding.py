"""Packing and entropy coding are timed on the plan's payloads, each step once for each size."""

import time

import msgspec
import numpy as np
import pytest

from nasc_sdk.cost.coding import Step, parse_unit_key
from nasc_sdk.entropy import known_codings
from nasc_sdk.profiling.coding import Direction, measure_coding
from nasc_sdk.profiling.measure import measure
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.profiling.speed import process_speed
from nasc_sdk.profiling.table import format_profile
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.support.tiny_models import conv_chain

SIZES = (98, 784, 1568, 12_544)


def plan(sizes=SIZES):
    rng = np.random.default_rng(0)
    payloads = tuple(np.rint(rng.normal(0, 8, size)).astype(np.int8).tobytes() for size in sizes)
    item = PlanItem("a", "a", "8x8x4", conv_chain(1), rng.integers(-128, 128, 256).astype(np.int8).tobytes())
    return ProfilePlan((item,), payloads)


def profiled(direction, given=None):
    return measure(given or plan(), open_runtime(), Kernels.REFERENCE, device="here", rounds=3, direction=direction)


@pytest.mark.parametrize(
    ("direction", "packing", "coding"),
    [
        (Direction.SENDS, {Step.PACK_8, Step.PACK_4, Step.PACK_2}, {Step.DEFLATE, Step.ZSTD}),
        (Direction.RECEIVES, {Step.UNPACK_8, Step.UNPACK_4, Step.UNPACK_2}, {Step.INFLATE, Step.UNZSTD}),
    ],
)
def test_every_step_is_timed(direction, packing, coding):
    profile = profiled(direction)
    found = {parse_unit_key(measured.key): measured.timing for measured in profile.coding}
    assert len(known_codings()) == 3
    expected = {(step, size) for step in packing for size in (98, 1568, 12_544)}
    assert set(found) == expected | {(step, size) for step in coding for size in SIZES}
    assert all(0 < timing.minimum <= timing.median <= timing.p95 for timing in found.values())
    for step in coding:
        assert found[step, 12_544].median > found[step, 98].median
    assert msgspec.json.decode(msgspec.json.encode(profile), type=Profile) == profile
    text = format_profile(profile)
    assert "beside the network (measured)" in text
    assert "12544 bytes" in text


def test_whoever_is_not_asked_times_none():
    assert profiled(None).coding == ()
    assert profiled(Direction.SENDS, plan(())).coding == ()


def test_it_costs_a_fraction_of_a_second():
    begun = time.process_time()
    found = measure_coding(2 * plan().payloads, Direction.SENDS, 9, process_speed(), np.random.default_rng(0), 100.0)
    assert len(found) == 3 * 3 + 2 * 8
    assert time.process_time() - begun < 1.5, "0.3 s on an idle x86-64 machine"
