"""Lines through measured steps, and what a table makes of them."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from nasc_sdk.cost.coding import Step, unit_key
from nasc_sdk.profiling.profile import Measurement, Timing, Validity
from nasc_search.calibrate.coding import fit_coding


def measured(step, size, us, validity=Validity.VALID):
    return Measurement(unit_key(step, size), step.value, f"{size} bytes", Timing(us, us, us, 9), validity)


def test_a_line_is_found_again():
    rows = [measured(Step.DEFLATE, size, 20 + 0.015 * size) for size in (98, 784, 12_544)]
    (found,) = fit_coding(rows)
    assert found.step is Step.DEFLATE
    assert (found.fixed_us, found.us_per_byte) == pytest.approx((20, 0.015))
    assert found.error == pytest.approx(0, abs=1e-6)
    assert found.us(1000) == pytest.approx(35)


def test_jitter_is_that_of_runs_on_one_payload():
    rows = [replace(row, timing=replace(row.timing, p95=1.2 * row.timing.median)) for row in (
        measured(Step.DEFLATE, size, 20 + 0.015 * size) for size in (98, 784, 12_544)
    )]  # fmt: skip
    rows.append(measured(Step.DEFLATE, 1568, 20 + 0.015 * 1568))
    (found,) = fit_coding(rows)
    assert found.jitter == pytest.approx(0.2 / NormalDist().inv_cdf(0.95), rel=1e-3)
    assert found.spread_us(1000) == pytest.approx(found.jitter * 35, rel=1e-3)


def test_small_payloads_count_as_much_as_large_ones():
    rng = np.random.default_rng(1)
    sizes = np.repeat([98, 784, 3136, 12_544], 25)
    rows = [measured(Step.ZSTD, int(size), (8 + 0.005 * size) * rng.lognormal(0, 0.1)) for size in sizes]
    (found,) = fit_coding(rows)
    for size in (98, 12_544):
        assert found.us(size) == pytest.approx(8 + 0.005 * size, rel=0.1)
    assert 0.06 < found.error < 0.15


@pytest.mark.parametrize(
    ("points", "line"),
    [
        ([(100, 50.0), (1000, 40.0)], (44.4, 0.0)),
        ([(100, 0.5), (1000, 20.0)], (0.0, None)),
        ([(500, 10.0)], (10.0, 0.0)),
    ],
)
def test_no_size_takes_less_than_nothing(points, line):
    (found,) = fit_coding([measured(Step.PACK_4, *point) for point in points])
    assert found.fixed_us == pytest.approx(line[0], rel=0.05)
    assert found.us_per_byte >= 0
    assert line[1] is None or found.us_per_byte == line[1]


def test_what_cannot_be_used_does_not_count():
    good = [measured(Step.INFLATE, size, 5 + 0.004 * size) for size in (98, 784, 12_544)]
    bad = [
        measured(Step.INFLATE, 500, 1e6, Validity.INVALID),
        measured(Step.INFLATE, 500, float("nan")),
        measured(Step.INFLATE, 500, 0.0),
        Measurement("brotli|500", "brotli", "", Timing(1, 1, 1, 9)),
        Measurement("inflate|-5", "inflate", "", Timing(1, 1, 1, 9)),
        Measurement("inflate", "inflate", "", Timing(1, 1, 1, 9)),
    ]
    assert fit_coding([*good, *bad]) == fit_coding(good)
    assert fit_coding(bad) == ()


def test_degraded_ones_count_less():
    rows = [measured(Step.PACK_2, 500, 10.0), measured(Step.PACK_2, 500, 20.0, Validity.DEGRADED)]
    (found,) = fit_coding(rows)
    assert found.us(500) < 12
