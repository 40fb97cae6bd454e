"""Lookups in a map, and files that are none."""

import math
import subprocess
import sys

import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.regime.regime_map import NOBODY, policy
from tests.regime.maps import ALONE, FAST, LOSSY, MAP, SLOW, hopeless


@pytest.mark.parametrize(
    ("throughput", "trip", "expected"),
    [
        (1.0, 1.0, ALONE),
        (math.nextafter(2.0, 0), 2.0, ALONE),
        (2.0, 2.0, SLOW),
        (20.0, 2.0, FAST),
        (20.0, math.nextafter(2.0, 3), ALONE),
        (40.0, 10.0, SLOW),
        (1e9, 0.0, FAST),
        (1e9, 10.1, ALONE),
        (1e-9, 1e9, ALONE),
    ],
)
def test_a_lookup_finds_row_and_step(throughput, trip, expected):
    assert MAP.lookup(throughput, trip) == expected


def test_nothing_keeps_the_limit():
    assert hopeless().lookup(1.0, 1.0) is None
    assert hopeless().lookup(50.0, 11.0) is None
    assert hopeless().lookup(50.0, 5.0) == SLOW


@pytest.mark.parametrize(
    "link",
    [
        (0.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (1.0, math.nan), (1.0, -1.0), (math.inf, 1.0), (1.0, 1.0, -0.1),
        (1.0, 1.0, 1.1), (1.0, 1.0, math.nan),
    ],
)  # fmt: skip
def test_links_that_are_none(link):
    with pytest.raises(InputError, match="a link is"):
        MAP.lookup(*link)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(0.0, FAST), (1e-9, SLOW), (0.01, SLOW), (math.nextafter(0.01, 1), ALONE), (1.0, ALONE)],
)
def test_the_next_higher_loss_answers(loss, expected):
    assert LOSSY.lookup(35.0, 1.0, loss) == expected
    assert LOSSY.covers(35.0, 1.0, loss) is (loss <= 0.01)


@pytest.mark.parametrize(
    "link", [(math.nan, 1.0), (50.0, math.nan), (-1.0, 1.0), (0.0, 0.0), (50.0, 1.0, math.nan)]
)
def test_the_policy_gives_what_needs_no_link_where_there_is_none(link):
    assert policy(MAP)(*link) == 2
    assert policy(hopeless())(*link) == NOBODY


@pytest.mark.parametrize(
    ("link", "inside"), [((1.0, 0.5), True), ((100.0, 10.0), True), ((0.9, 5.0), False), ((9.0, 11.0), False)]
)
def test_what_the_map_covers(link, inside):
    assert MAP.covers(*link) is inside


def test_a_lookup_needs_no_numpy():
    code = (
        "import sys\nfrom nasc_sdk.regime import map_file, regime_map, show\n"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'matplotlib', 'torch', 'nasc_search')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
