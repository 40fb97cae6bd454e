from __future__ import annotations

import gc
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from nasc_sdk.errors import InputError, StoppedError
from nasc_sdk.profiling.measure import PASSES, WHOLE_TIMES, batches, measure
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan
from nasc_sdk.profiling.profile import Measurement, Profile, TimeUnit, Validity
from nasc_sdk.profiling.samples import robust_cv, summarize
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.support.runtimes import RUNTIMES, needs_tflite_runtime
from tests.support.tiny_models import conv_chain


def _item(key: str, layers: int, *, whole: bool = False, quantized: bool = True) -> PlanItem:
    rng = np.random.default_rng(layers)
    dtype = "int8" if quantized else "float32"
    array = rng.integers(-128, 128, (1, 8, 8, 4)).astype(dtype)
    return PlanItem(
        key,
        f"title of {key}",
        "8x8x4",
        conv_chain(layers, quantized=quantized),
        array.tobytes(),
        dtype,
        whole,
    )


PLAN = ProfilePlan(
    (_item("a", 1), _item("whole", 3, whole=True), _item("b", 2), _item("f", 1, quantized=False))
)


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("name", RUNTIMES)
def test_a_profile_has_every_unit_in_order(name, kernels):
    profile = measure(PLAN, open_runtime(name), kernels, device="here", rounds=3, label="a label")
    assert [found.key for found in profile.blocks] == ["a", "b", "f"]
    assert [found.key for found in profile.heads] == ["whole"]
    for found in (*profile.blocks, *profile.heads):
        assert 0 < found.timing.minimum <= found.timing.median <= found.timing.p95 < 1e6
    # Samples while the processor was slowed are left out, as long as enough others are there.
    assert all(1 <= found.timing.samples <= 3 for found in profile.blocks)
    assert all(1 <= found.timing.samples <= 3 * WHOLE_TIMES for found in profile.heads)
    conditions = profile.conditions
    assert conditions.runtime.startswith(name)
    assert (conditions.kernels, conditions.threads, conditions.label) == (kernels.value, 1, "a label")
    assert conditions.unit is TimeUnit.MICROSECONDS
    assert msgspec.json.decode(msgspec.json.encode(profile), type=Profile) == profile


def _digests(profile: Profile) -> list[str]:
    return [found.output_sha256 for found in (*profile.blocks, *profile.heads)]


def test_outputs_are_the_same_however_units_are_batched():
    runtime = open_runtime()
    together = measure(PLAN, runtime, Kernels.REFERENCE, device="here", rounds=1)
    apart = measure(PLAN, runtime, Kernels.REFERENCE, device="here", rounds=2, memory_budget_bytes=1)
    assert _digests(together) == _digests(apart)
    assert len(set(_digests(together))) == len(PLAN.items)


def test_batches_fit_the_budget_and_keep_the_order():
    items = [PlanItem(str(index), "", "", b"m" * (1 << 20), b"i") for index in range(5)]
    split = batches(items, 7 << 20)
    assert [[item.key for item in batch] for batch in split] == [["0", "1"], ["2", "3"], ["4"]]
    assert [len(batch) for batch in batches(items, 0)] == [1] * 5


def test_progress_counts_up_to_the_total():
    seen: list[tuple[int, int, str]] = []
    measure(
        PLAN,
        open_runtime(),
        Kernels.XNNPACK,
        device="here",
        rounds=2,
        progress=lambda *step: seen.append(step),
    )
    done = [step[0] for step in seen]
    assert done == sorted(done)
    assert seen[-1][:2] == (12, 12)
    assert seen[0][2] == "title of a"


def test_it_stops_when_told_and_leaves_the_collector_on():
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 5

    with pytest.raises(StoppedError, match=r"of 40 steps"):
        measure(PLAN, open_runtime(), Kernels.XNNPACK, device="here", rounds=9, should_stop=stop)
    assert calls == 6
    assert gc.isenabled()


def test_a_unit_that_does_not_fit_its_input_is_named():
    good = PLAN.items[0]
    for bad in (
        PlanItem("bad", "", "", good.model, good.input[:-1]),
        PlanItem("bad", "", "", good.model, good.input * 4, "float32"),
        PlanItem("bad", "", "", b"no model", good.input),
    ):
        with pytest.raises(InputError, match=r"^bad"):
            measure(ProfilePlan((good, bad)), open_runtime(), Kernels.XNNPACK, device="here", rounds=1)


def test_nothing_to_measure_is_refused():
    for plan, rounds in ((ProfilePlan(()), 1), (PLAN, 0)):
        with pytest.raises(InputError):
            measure(plan, open_runtime(), Kernels.XNNPACK, device="here", rounds=rounds)


@needs_tflite_runtime
def test_operators_come_with_the_units_when_asked():
    plan = ProfilePlan(PLAN.items[:1])
    profile = measure(
        plan, open_runtime("tflite-runtime"), Kernels.BUILTIN, device="here", rounds=2, per_op=True
    )
    found: Measurement = profile.blocks[0]
    assert [op.op for op in found.ops] == ["CONV_2D", "ADD"]
    assert all("busy" in note or "governor" in note for note in profile.notes)


def test_statistics():
    timing = summarize([1000.0, 2000.0, 3000.0])
    assert (timing.median, timing.minimum, timing.samples) == (2.0, 1.0, 3)
    assert timing.p95 == pytest.approx(2.9)
    assert robust_cv([10.0, 10.0, 10.0, 1000.0]) == 0.0
    assert robust_cv([8.0, 10.0, 12.0]) == pytest.approx(0.29652)


def test_batches_are_timed_several_times_over():
    """A slow minute of the machine must not fall on all samples of one batch."""
    steps = []
    profile = measure(
        PLAN, open_runtime(), Kernels.REFERENCE, device="here", rounds=5, memory_budget_bytes=1,
        progress=lambda done, total, label: steps.append((done, total, label)),
    )  # fmt: skip
    loads = [label for _, _, label in steps if label != "timing"]
    assert len(loads) == PASSES * 4
    assert loads[:4] == loads[4:8] == loads[8:]
    assert all(1 < found.timing.samples <= 5 for found in profile.blocks)
    assert steps[-1][0] == steps[-1][1] == 4 * (5 + PASSES)


FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


@pytest.mark.parametrize(("bits", "code"), [("4", "throttled"), ("5", "under_voltage"), ("10000", "under_voltage")])
def test_throttling_that_appears_during_the_run_degrades_the_units(tmp_path, bits, code):
    path = tmp_path / FIRMWARE
    path.parent.mkdir(parents=True)
    path.write_text("0")

    def throttle(done: int, total: int, what: str) -> None:
        if what == "timing":
            path.write_text(bits)

    profile = measure(PLAN, open_runtime(), Kernels.XNNPACK, device="here", rounds=3, progress=throttle, root=tmp_path)
    units = (*profile.blocks, *profile.heads)
    assert {(found.validity, found.code) for found in units} == {(Validity.DEGRADED, code)}
    assert code in " ".join(profile.conditions.throttling)
    # What does not last until the next run does not spoil it.
    path.write_text("50000")
    again = measure(PLAN, open_runtime(), Kernels.XNNPACK, device="here", rounds=1, root=tmp_path)
    assert not {found.code for found in again.blocks} & {"throttled", "under_voltage"}
    assert "under_voltage_occurred" in again.conditions.throttling


def test_a_governor_is_a_note_and_no_verdict(tmp_path):
    path = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    path.parent.mkdir(parents=True)
    path.write_text("ondemand\n")
    profile = measure(PLAN, open_runtime(), Kernels.XNNPACK, device="here", rounds=1, root=tmp_path)
    assert any("the governor ondemand changes the clock" in note for note in profile.notes)
    assert not {found.code for found in profile.blocks} & {"throttled", "under_voltage"}


def test_a_clock_too_coarse_for_the_samples_is_said(tmp_path, monkeypatch):
    coarse = SimpleNamespace(resolution=0.015625)
    monkeypatch.setattr("nasc_sdk.profiling.measure.time.get_clock_info", lambda name: coarse)
    profile = measure(PLAN, open_runtime(), Kernels.XNNPACK, device="here", rounds=5, root=tmp_path)
    codes = {found.code for found in (*profile.blocks, *profile.heads)}
    assert codes <= {"coarse_clock", "slowed"}
    assert all(found.validity is Validity.DEGRADED for found in profile.blocks)
