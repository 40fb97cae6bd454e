"""``nasc-sdk map`` through the whole service: built from what was profiled, drawn, written, looked up."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from nasc_sdk.cli.asking import ask_service
from nasc_sdk.cli.main import cli
from nasc_sdk.errors import InputError, RefusedError
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_sdk.regime.map_file import load_map
from nasc_search.joint.aim import Aim, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.regime_lines import Area
from nasc_search.service.mapping import parse_area
from nasc_search.service.records import Goal
from tests.service.loops import BOARD, SITE, TIMEOUT_S, open_loop, slow_down


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    with open_loop(tmp_path_factory.mktemp("map")) as running:
        running.profile()
        slow_down(running.store)
        yield running


@pytest.fixture(scope="module")
def limit_ms(loop):
    """Less than the board alone takes for the most accurate candidate, whatever p95 a busy machine shows."""
    far = {"throughput_mbit_s": 0.001, "round_trip_ms": 1000.0}
    slowest = loop.ask(ServiceVerb.SEARCH, limit_ms=1e6, **far)["chosen"]["limited_ms"]
    return 0.6 * slowest


AREA = {"throughput_range": "0.001,1000", "round_trip_range": "0.1,10000"}
"""Wide enough that the link matters, however fast this machine is at the moment."""


def run(loop, *words):
    return CliRunner().invoke(cli, ["map", "--broker", loop.url, "--site", SITE, *words])


def test_answers_are_those_of_the_search(loop, limit_ms):
    answer = loop.ask(ServiceVerb.MAP, limit_ms=limit_ms, **AREA)
    regimes = answer["map"]["regimes"]
    assert len(regimes) > 1, "the link decides"
    assert answer["candidates"] > 1000
    (only,) = answer["map"]["slices"]
    rows = list(zip(*(only[name] for name in ("round_trip_ms", "steps_mbit_s", "answers")), strict=True))
    for trip, steps, answers in rows[:: len(rows) // 2 + 1]:
        staircase = list(zip([0.001, *steps], answers, strict=True))
        for throughput, place in [staircase[0], staircase[len(staircase) // 2], staircase[-1]]:
            found = loop.ask(
                ServiceVerb.SEARCH, limit_ms=limit_ms, throughput_mbit_s=throughput, round_trip_ms=trip
            )["chosen"]  # fmt: skip
            assert found["accuracy"] == regimes[place]["accuracy"]


def test_slices_of_loss_are_the_search_at_their_loss(loop, limit_ms, tmp_path):
    file = tmp_path / "map.json"
    shown = run(
        loop, "--limit-ms", str(limit_ms), "--throughput-range", "0.001,1000", "--loss", "0,0.01", "--output", str(file)
    )
    assert shown.exit_code == 0, shown.output
    assert "no segment lost" in shown.output
    assert "up to 1 % of segments lost" in shown.output
    regimes = load_map(file)
    trip, steps = next(zip(regimes.slices[1].round_trip_ms, regimes.slices[1].steps_mbit_s, strict=True))
    throughput = steps[-1] if steps else 999.0
    link = {"throughput_mbit_s": throughput, "round_trip_ms": trip, "loss": 0.01}
    found = loop.ask(ServiceVerb.SEARCH, limit_ms=limit_ms, **link)
    assert "1 % of segments lost" in found["text"]
    assert found["chosen"]["accuracy"] == regimes.lookup(throughput, trip, 0.01).accuracy
    with pytest.raises(RefusedError, match="what a measured link loses is in its samples"):
        loop.ask(ServiceVerb.SEARCH, limit_ms=limit_ms, loss=0.01)


def test_the_command_line_draws_and_writes_and_looks_up(loop, limit_ms, tmp_path):
    place = ("--limit-ms", str(limit_ms), "--throughput-range", "0.001,1000")
    files = [tmp_path / f"map.{form}" for form in ("json", "csv", "png")]
    for file in files:
        shown = run(loop, *place, "--output", str(file))
        assert shown.exit_code == 0, shown.output
        assert f"written to {file}" in shown.output
        assert "steady links" in shown.output
        assert "=" in shown.output
        assert "candidates looked at; built in" in shown.output
    regimes = load_map(files[0])
    assert regimes.device == BOARD
    assert files[1].read_text().startswith(f"# {BOARD}, limit")
    assert files[2].read_bytes().startswith(b"\x89PNG")
    printed = json.loads(run(loop, *place, "--json").output)
    assert printed["map"]["digest"] == regimes.digest
    words = ["map", "lookup", str(files[0]), "--throughput-mbit-s", "500", "--round-trip-ms", "0.1"]
    found = json.loads(CliRunner().invoke(cli, [*words, "--json"]).output)
    expected = regimes.lookup(500.0, 0.1)
    assert found["regime"]["accuracy"] == expected.accuracy
    assert found["on_map"] is True


def test_links_vary_as_the_measured_one_did_unless_told_otherwise(loop, limit_ms):
    rng = np.random.default_rng(0)
    throughput = (100 * np.exp(0.3 * rng.normal(size=9))).tolist()
    loop.report_link(50.0, 2.0)
    loop.await_idle()
    steady = run(loop, "--limit-ms", str(limit_ms)).output
    assert "@ the link now, 50 Mbit/s and 2 ms round trip" in steady
    assert "steady links" in steady
    loop.report_samples(throughput, [1.0] * 8 + [4.0])
    loop.await_idle()
    varied = json.loads(run(loop, "--limit-ms", str(limit_ms), "--json").output)
    assert varied["map"]["spread"]["throughput"] == pytest.approx((throughput / np.median(throughput)).tolist())
    assert varied["map"]["spread"]["round_trip"] == [1.0] * 8 + [4.0]
    assert varied["here"] == pytest.approx([np.median(throughput), 1.0])
    told = json.loads(run(loop, "--limit-ms", str(limit_ms), "--steady", "--json").output)
    assert told["map"]["spread"] == {"throughput": [1.0], "round_trip": [1.0]}


def test_the_stored_goal_counts_but_not_its_objective(loop, limit_ms):
    loop.ask(ServiceVerb.SEARCH, limit_ms=limit_ms)
    assert "no latency limit" in str(run(loop).exception), "a search is no goal"
    loop.store.put("goal", BOARD, Goal(Constraints(limit_ms, 90.0, aim=Aim(Objective.ENERGY))))
    answer = loop.ask(ServiceVerb.MAP)
    assert (answer["map"]["limit_ms"], answer["map"]["percentile"]) == (limit_ms, 90.0)
    loop.store.put("goal", BOARD, Goal(Constraints(limit_ms, 90.0)))
    assert loop.ask(ServiceVerb.MAP)["map"] == answer["map"]


def test_fewer_candidates_within_points(loop, limit_ms):
    options = {"limit_ms": limit_ms, **AREA}
    whole = loop.ask(ServiceVerb.MAP, **options)["map"]
    rough = loop.ask(ServiceVerb.MAP, within_points=10.0, **options)["map"]
    assert rough["within"] == pytest.approx(0.1)
    assert len(rough["regimes"]) < len(whole["regimes"])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"limit_ms": 1e-3, "steady": True}, 5, "anywhere on the map"),
        ({"limit_ms": -1.0}, 3, "positive number of milliseconds"),
        ({"limit_ms": 5.0, "objective": "energy"}, 3, "unknown options of a map: objective"),
        ({"limit_ms": 5.0, "throughput_range": "5"}, 3, "LOW,HIGH"),
        ({"limit_ms": 5.0, "round_trip_range": "5,1"}, 3, "up to a larger one, not 5,1"),
        ({"limit_ms": 5.0, "loss": "0,0.6"}, 3, "between 0 and 0.5"),
        ({"limit_ms": 5.0, "loss": "0.1,0"}, 3, "rising numbers"),
        ({"limit_ms": 5.0, "loss": "much"}, 3, "numbers with commas"),
        ({"limit_ms": 5.0, "within_points": 200.0}, 3, "give up"),
        ({"limit_ms": 5.0, "within_points": "few"}, 3, "within_points is a number"),
    ],
)
def test_what_cannot_be_is_told(loop, options, code, words):
    with pytest.raises(RefusedError) as caught:
        loop.ask(ServiceVerb.MAP, **options)
    assert caught.value.exit_code == code
    assert words in str(caught.value)


def test_a_board_that_was_never_profiled(loop):
    with pytest.raises(RefusedError, match="was never profiled"):
        ask_service(loop.url, SITE, ServiceVerb.MAP, "nobody", {"limit_ms": 5.0}, timeout_s=TIMEOUT_S, quiet=True)


def test_ranges():
    assert parse_area({}) == Area()
    assert parse_area({"round_trip_range": "2,60"}) == Area(round_trip_ms=(2.0, 60.0))
    for text in ("", "1", "1,2,3", "low,high", "1;2"):
        with pytest.raises(InputError, match="--throughput-range takes LOW,HIGH"):
            parse_area({"throughput_range": text})
