"""Lookups in a map, and files that are none."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.regime.regime_map import NOBODY, Spread, dump_map, load_map, parse_map, policy
from tests.regime.maps import ALONE, FAST, MAP, SLOW, hopeless


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
    "link", [(0.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (1.0, math.nan), (1.0, -1.0), (math.inf, 1.0)]
)
def test_links_that_are_none(link):
    with pytest.raises(InputError, match="a link is"):
        MAP.lookup(*link)


@pytest.mark.parametrize("link", [(math.nan, 1.0), (50.0, math.nan), (-1.0, 1.0), (0.0, 0.0)])
def test_the_policy_gives_what_needs_no_link_where_there_is_none(link):
    assert policy(MAP)(*link) == 2
    assert policy(hopeless())(*link) == NOBODY


@pytest.mark.parametrize(
    ("link", "inside"), [((1.0, 0.5), True), ((100.0, 10.0), True), ((0.9, 5.0), False), ((9.0, 11.0), False)]
)
def test_what_the_map_covers(link, inside):
    assert MAP.covers(*link) is inside


def test_a_file_gives_the_same_map(tmp_path):
    for regimes in (MAP, hopeless(), replace(MAP, spread=Spread((0.5, 1.0, 1.5), (1.0, 1.0, 1.25)))):
        (tmp_path / "map.json").write_bytes(dump_map(regimes))
        assert load_map(tmp_path / "map.json") == regimes


@pytest.mark.parametrize("size", range(0, len(dump_map(MAP)), 7))
def test_every_truncation_is_refused(size):
    with pytest.raises(InputError, match="half is no regime map"):
        parse_map(dump_map(MAP)[:size], "half")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("format", "nasc-regime-map 2", "Invalid enum value"),
        ("throughput_mbit_s", [5, 5], "two rising numbers"),
        ("round_trip_ms", [], "at least one"),
        ("round_trip_ms", [10.0, 2.0], "rising"),
        ("round_trip_ms", [10.0], "fit together"),
        ("lowest_round_trip_ms", 10.0, "rising"),
        ("steps_mbit_s", [[20.0, 2.0], [40.0]], "no staircase"),
        ("steps_mbit_s", [[0.0, 2.0], [40.0]], "no staircase"),
        ("answers", [[2, 1], [2, 1]], "no staircase"),
        ("answers", [[2, 1, 3], [2, 1]], "does not hold"),
        ("answers", [[2, 1, -2], [2, 1]], "does not hold"),
        ("local", 3, "does not hold"),
        ("regimes", "none", "no regime map"),
    ],
)
def test_other_documents_are_refused(field, value, words):
    document = json.loads(dump_map(MAP)) | {field: value}
    with pytest.raises(InputError, match=words):
        parse_map(json.dumps(document).encode(), "it")


def test_numbers_that_overflow_are_refused():
    data = dump_map(MAP).replace(b"[2.0,10.0]", b"[2.0,1e999]")
    with pytest.raises(InputError):
        parse_map(data, "it")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="make it with: nasc-sdk map"):
        load_map(tmp_path / "missing.json")
    with pytest.raises(InputError, match="cannot read"):
        load_map(tmp_path)


def test_a_lookup_needs_no_numpy():
    code = (
        "import sys\nfrom nasc_sdk.regime import regime_map, show\n"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'matplotlib', 'torch', 'nasc_search')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
