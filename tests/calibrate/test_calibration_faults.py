"""A calibration that is told something else than what it asked for."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.cost.features import parse_key
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Profile, TimeUnit, Validity
from nasc_search.calibrate.calibration import Budget, Calibration
from tests.calibrate import synthetic
from tests.joint import catalogues


@pytest.fixture(scope="module")
def catalogue():
    return catalogues.catalogue()


@pytest.fixture
def calibration(catalogue):
    budget = Budget(precision=0.001, heads=16, held_out=2, board_s=1000.0)
    return Calibration(catalogue, np.ones(len(catalogue.archs), bool), budget, 0)


def answer(calibration, speed=1.0, **conditions):
    rng = np.random.default_rng(0)
    heads = tuple(
        synthetic.measurement(head.arch, head.head_key, speed * synthetic.true_us(parse_key(head.head_key)), rng, 0.002)
        for head in calibration.ask().heads
    )
    return Profile("pi4", replace(synthetic.CONDITIONS, **conditions), (), heads, duration_s=1.0)


OTHER = {
    "runtime": "tflite-runtime 2.14.0",
    "kernels": "xnnpack",
    "threads": 4,
    "machine": "another board",
    "processor": "another processor",
    "governor": "powersave",
    "label": "stands in",
    "unit": TimeUnit.CYCLES,
}


@pytest.mark.parametrize("field", OTHER)
def test_a_batch_under_other_conditions_is_refused_by_name(calibration, field):
    first = calibration.tell(answer(calibration))
    with pytest.raises(InputError, match=rf"pi4: a device measured under two conditions: {field} .*{OTHER[field]!s}"):
        calibration.tell(answer(calibration, **{field: OTHER[field]}))
    # The refused batch left nothing behind.
    assert calibration.steps == [first]
    assert calibration.tell(answer(calibration)) is not None


def test_load_and_temperature_may_change(calibration):
    calibration.tell(answer(calibration))
    assert calibration.tell(answer(calibration, load_average=3.0, temperature_c=70.0, throttling=("cooling",)))


def test_a_batch_at_another_speed_is_asked_for_again_and_then_degraded(calibration):
    calibration.tell(answer(calibration))
    assert calibration.tell(answer(calibration, speed=1.5)) is None
    assert calibration.tell(answer(calibration, speed=1.5)) is None
    step = calibration.tell(answer(calibration, speed=1.5))
    assert step.speed == pytest.approx(1 / 1.5, rel=0.02)
    codes = [(head.validity, head.code) for head in calibration.result[0].heads]
    assert codes.count((Validity.DEGRADED, "other_speed")) == 4


def test_invalid_heads_are_neither_fitted_nor_checked_and_tell_no_speed(calibration):
    first = answer(calibration)
    spoiled = replace(first.heads[0], validity=Validity.INVALID, code="throttled", title="spoiled")
    step = calibration.tell(replace(first, heads=(spoiled, *first.heads[1:])))
    assert len(step.held_out) == 1
    second = answer(calibration)
    slow = answer(calibration, speed=9.0)
    anchors = tuple(replace(head, validity=Validity.INVALID) for head in slow.heads[:4])
    step = calibration.tell(replace(second, heads=(*anchors, *second.heads[4:])))
    assert step.speed == 1.0
