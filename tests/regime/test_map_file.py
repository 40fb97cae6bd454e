"""Files of maps, and those that are none."""

import json
from dataclasses import replace

import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.regime.map_file import dump_map, load_map, parse_map
from nasc_sdk.regime.regime_map import Spread
from tests.regime.maps import LOSSY, MAP, hopeless


def test_a_file_gives_the_same_map(tmp_path):
    for regimes in (MAP, LOSSY, hopeless(), replace(MAP, spread=Spread((0.5, 1.0, 1.5), (1.0, 1.0, 1.25)))):
        (tmp_path / "map.json").write_bytes(dump_map(regimes))
        assert load_map(tmp_path / "map.json") == regimes


@pytest.mark.parametrize("size", range(0, len(dump_map(MAP)), 7))
def test_every_truncation_is_refused(size):
    with pytest.raises(InputError, match="half is no regime map"):
        parse_map(dump_map(MAP)[:size], "half")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("format", "nasc-regime-map 3", "Invalid enum value"),
        ("throughput_mbit_s", [5, 5], "two rising numbers"),
        ("lowest_round_trip_ms", 10.0, "rising"),
        ("local", 3, "does not hold"),
        ("slices", [], "at least one"),
        ("regimes", "none", "no regime map"),
    ],
)
def test_other_documents_are_refused(field, value, words):
    document = json.loads(dump_map(MAP)) | {field: value}
    with pytest.raises(InputError, match=words):
        parse_map(json.dumps(document).encode(), "it")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("loss", 0.0, "losses are rising"),
        ("loss", 1.0, "below 1"),
        ("round_trip_ms", [], "at least one"),
        ("round_trip_ms", [10.0, 5.0], "rising"),
        ("round_trip_ms", [10.0], "fit together"),
        ("round_trip_ms", [5.0, 11.0], "end at different round trips"),
        ("steps_mbit_s", [[30.0, 2.0], []], "no staircase"),
        ("steps_mbit_s", [[0.0], []], "no staircase"),
        ("answers", [[2], [2]], "no staircase"),
        ("answers", [[2, 3], [2]], "does not hold"),
        ("answers", [[2, -2], [2]], "does not hold"),
    ],
)
def test_slices_that_are_none_are_refused(field, value, words):
    document = json.loads(dump_map(LOSSY))
    document["slices"][1][field] = value
    with pytest.raises(InputError, match=words):
        parse_map(json.dumps(document).encode(), "it")


def test_a_file_of_the_first_version_is_read():
    old = {**json.loads(dump_map(MAP)), "format": "nasc-regime-map 1"}
    (only,) = old.pop("slices")
    assert only.pop("loss") == 0
    assert parse_map(json.dumps(old | only).encode(), "it") == MAP
    with pytest.raises(InputError, match="no staircase"):
        parse_map(json.dumps(old | only | {"answers": [[2], [2]]}).encode(), "it")


def test_numbers_that_overflow_are_refused():
    data = dump_map(MAP).replace(b"[2.0,10.0]", b"[2.0,1e999]")
    with pytest.raises(InputError):
        parse_map(data, "it")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="make it with: nasc-sdk map"):
        load_map(tmp_path / "missing.json")
    with pytest.raises(InputError, match="cannot read"):
        load_map(tmp_path)
