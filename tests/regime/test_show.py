"""What a map looks like in a terminal and as CSV."""

import csv
from dataclasses import replace

import pytest

from nasc_sdk.regime.regime_map import Regime, Slice
from nasc_sdk.regime.show import describe, draw, to_csv
from tests.regime.maps import FAST, LOSSY, MAP, hopeless


def cells(text):
    """{round trip of the line: its 64 letters}"""
    lines = [line.split("|") for line in text.splitlines() if line.endswith("|")]
    return {float(trip): row for trip, row, _ in lines}


def test_letters_are_the_answers_for_the_slowest_link_of_their_place():
    shown = cells(draw(MAP))
    assert list(shown) == sorted(shown, reverse=True)
    assert {len(row) for row in shown.values()} == {64}
    letters = {"A": FAST, "B": MAP.regimes[1], "=": MAP.regimes[2]}
    for trip, row in shown.items():
        for place, letter in enumerate(row):
            throughput = 100.0 ** (place / 64) * (1 + 1e-9)
            # Printed to three digits; a row ends at exactly 10 ms.
            assert MAP.lookup(throughput, min(trip, 10.0)) == letters[letter]


def test_the_legend_names_every_letter():
    text = draw(MAP)
    assert "A  25.0% of the map: 90.00% (+20.00 points by the link), 0.00 to 4.00 ms to spare, split, wide|net" in text
    assert "=  50.0% of the map: 70.00%, 1.50 to 1.50 ms to spare, all-local, tiny at cut 3" in text
    assert "limit 8 ms at p95, steady links" in text
    assert "in 1.00% of the map a more accurate one may keep it as well" in text


def test_nothing_keeps_the_limit_is_shown_as_dots():
    text = draw(hopeless())
    assert "." in cells(text)[10.0]
    assert ".  50.0% of the map: no candidate keeps the limit" in text
    marked = draw(hopeless(), (50.0, 20.0))
    assert "the link now, 50 Mbit/s and 20 ms round trip, beside the map: no candidate" in marked


@pytest.mark.parametrize(
    ("here", "row", "column"),
    [((1.0, 0.2), -1, 0), ((100.0, 10.0), 0, 63), ((10.1, 1.0), -1, 32), ((1.1, 3.2), 9, 1)],
)
def test_the_link_now_is_marked(here, row, column):
    rows = list(cells(draw(MAP, here)).values())
    assert rows[row][column] == "@"
    assert sum("@" in line for line in rows) == 1


def test_a_link_beside_the_map_is_not_marked():
    text = draw(MAP, (0.5, 5.0))
    assert not any("@" in row for row in cells(text).values())
    assert "beside the map: 70.00%, 1.50 to 1.50 ms to spare, all-local" in text


def test_more_candidates_than_letters_share_one():
    many = 70
    steps = tuple(2.0 + number for number in range(many))
    regimes = tuple(
        Regime(replace(FAST.candidate, arch=f"net{number}"), "split", 0.9 - number / 1000, 0.1, (0.0, 1.0), 0.01)
        for number in range(many)
    )
    only = Slice(0.0, (10.0,), (steps,), ((-1, *reversed(range(many))),), 0.0)
    crowded = replace(MAP, throughput_mbit_s=(1.9, 72.0), slices=(only,), regimes=regimes, local=-1)
    text = draw(crowded)
    assert "more candidates, each with little of it" in text
    listed = [line for line in text.splitlines() if "at cut 1" in line]
    assert len(listed) + int(text.split("more candidates")[0].split()[-1]) == many


def test_whose_accuracies_they_are_is_said_where_it_is_not_the_supernet():
    told = replace(MAP, told_by="table t.npz:k")
    for text in (draw(told), to_csv(told)):
        assert "steady links; accuracies of table t.npz:k" in text
    assert "accuracies of" not in draw(MAP)


def test_each_slice_is_drawn_with_the_same_letters():
    text = draw(LOSSY, (50.0, 1.5))
    first, second = text.split("up to 1 % of segments lost\n")
    assert first.splitlines()[1] == "no segment lost"
    assert cells(first) == cells(draw(MAP, (50.0, 1.5))), "the link now is on the slice of what is measured"
    shown = cells(second)
    assert list(shown[10.0]) == ["="] * 64
    assert set(next(iter(reversed(shown.values())))) == {"=", "B"}
    assert "in 2.00% of the map" in text


def test_csv_has_every_step_of_every_row():
    comment, *lines = to_csv(MAP).splitlines()
    assert comment.startswith("# pi, limit 8 ms at p95")
    rows = list(csv.DictReader(lines))
    assert len(rows) == 5
    assert {row["loss_to"] for row in rows} == {"0"}
    assert [row["round_trip_to_ms"] for row in rows] == ["2", "2", "2", "10", "10"]
    assert rows[2] | {"round_trip_above_ms": "0", "throughput_below_mbit_s": "inf", "arch": "wide|net"} == rows[2]
    for row in rows:
        found = MAP.lookup(max(float(row["throughput_from_mbit_s"]), 1e-6), float(row["round_trip_to_ms"]))
        assert row["arch"] == found.candidate.arch
        assert row["encoding"] == str(found.candidate.encoding)
    lossy = list(csv.DictReader(to_csv(LOSSY).splitlines()[1:]))
    assert lossy[:5] == rows
    names = ("loss_to", "round_trip_above_ms", "round_trip_to_ms", "arch")
    assert [tuple(row[name] for name in names) for row in lossy[5:]] == [
        ("0.01", "0", "5", "tiny"), ("0.01", "0", "5", "slim"), ("0.01", "5", "10", "tiny"),
    ]  # fmt: skip
    nobody = next(csv.DictReader(to_csv(hopeless()).splitlines()[1:]))
    assert (nobody["regime"], nobody["arch"]) == ("", "")


def test_a_link_gains_nothing_countable_where_the_board_alone_has_no_answer():
    regime = replace(MAP.regimes[0], accuracy_margin=MAP.regimes[0].accuracy)
    assert "nothing runs on the board alone within the limit" in describe(regime)
    assert "points by the link" in describe(MAP.regimes[0])
