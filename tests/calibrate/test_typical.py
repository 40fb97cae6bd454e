from dataclasses import replace

import pytest

from nasc_sdk.profiling.profile import Measurement, Timing, Validity
from nasc_search.calibrate.typical import typical_us, usual_ratio


def unit(median, minimum, validity=Validity.VALID):
    return Measurement("k", "t", "", Timing(median, 2 * median, minimum, 9), validity)


def test_the_usual_ratio_is_that_of_valid_units():
    assert usual_ratio([unit(105, 100), unit(300, 100, Validity.DEGRADED), unit(103, 100)]) == pytest.approx(1.04)
    assert usual_ratio([unit(150, 100, Validity.DEGRADED)]) == pytest.approx(1.5)
    assert usual_ratio([]) == 1.0


def test_a_degraded_unit_far_from_its_minimum_is_read_off_its_minimum():
    slow = unit(150, 100, Validity.DEGRADED)
    assert typical_us(slow, 1.04) == pytest.approx(104)
    assert typical_us(replace(slow, validity=Validity.VALID), 1.04) == 150
    assert typical_us(unit(110, 100, Validity.DEGRADED), 1.04) == 110
