"""Least energy through the whole service: searched, explained, deployed, and still the aim when the link changes."""

import json
import os
from dataclasses import replace

import pytest
from click.testing import CliRunner

from nasc_sdk.cli.asking import ask_service
from nasc_sdk.cli.main import cli
from nasc_sdk.errors import RefusedError
from nasc_sdk.profiling.profile import UNKNOWN_BOARD, Power, PowerOrigin, Profile
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_search.joint.aim import FLOOR_BELOW, Objective
from nasc_search.service.records import Deployment, Goal
from tests.profiling.boards import PMIC, add_vcgencmd, says
from tests.service.loops import BOARD, SITE, TIMEOUT_S, document, open_loop

GOOD, BAD = (1000.0, 0.1), (1.0, 60.0)
WIDE = {"limit_ms": 1000.0, "throughput_mbit_s": GOOD[0], "round_trip_ms": GOOD[1]}
METER = Power(1.0, 4.0, "ina219 (hwmon0)", 40, PowerOrigin.MEASURED)


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    with open_loop(tmp_path_factory.mktemp("energy")) as running:
        assert running.profile().power is None, "a machine that stands in for a board does not tell its power"
        yield running


@pytest.fixture
def metered(loop):
    """As if the board's profile had come with its power."""
    before = loop.store.get("profile", BOARD, Profile)
    loop.store.put("profile", BOARD, replace(before, power=METER))
    yield loop
    loop.store.put("profile", BOARD, before)


def search(loop, **options):
    return loop.ask(ServiceVerb.SEARCH, **{**WIDE, **options})


def test_least_energy_within_a_point_of_the_most_accurate(loop):
    best, frugal = search(loop), search(loop, objective="energy")
    assert best["constraints"]["aim"]["objective"] == "accuracy"
    assert best["accuracy_floor"] is None
    assert frugal["accuracy_floor"] == pytest.approx(best["chosen"]["accuracy"] - FLOOR_BELOW)
    assert frugal["chosen"]["accuracy"] >= frugal["accuracy_floor"]
    assert frugal["chosen"]["energy_mj"] <= best["chosen"]["energy_mj"]
    assert (frugal["power"]["origin"], frugal["power"]["busy_w"]) == ("assumed", UNKNOWN_BOARD.busy_w)
    assert "assumed: that of a Raspberry Pi 4" in frugal["text"]
    assert "takes less energy at accuracy" in frugal["text"]


def test_measured_watts_are_called_so_and_given_ones_go_before_them(metered):
    measured = search(metered, objective="energy")
    assert measured["power"] == {"idle_w": 1.0, "busy_w": 4.0, "source": "ina219 (hwmon0)", "samples": 40,
                                 "origin": "measured"}  # fmt: skip
    assert "measured: ina219 (hwmon0), 40 readings" in measured["text"]
    given = search(metered, objective="energy", power_w="8,2")
    assert given["power"]["origin"] == "assumed"
    assert given["chosen"]["energy_mj"] == pytest.approx(2 * measured["chosen"]["energy_mj"])
    assert "as given by --power-w" in given["text"]


def test_a_lower_floor_saves_more(loop):
    least = search(loop, objective="energy", min_accuracy=0.55)
    default = search(loop, objective="energy")
    assert least["chosen"]["energy_mj"] < default["chosen"]["energy_mj"]
    assert 0.55 <= least["chosen"]["accuracy"] < default["accuracy_floor"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"objective": "energy", "min_accuracy": 0.999}, 5, "a floor of"),
        ({"objective": "energy", "max_energy_mj": 1e-6}, 5, "a budget of"),
        ({"objective": "beauty"}, 3, "known are: accuracy, energy, latency"),
        ({"power_w": "-4"}, 3, "BUSY[,IDLE]"),
        ({"min_accuracy": 0.5}, 3, "goes with the objectives energy and latency"),
    ],
)
def test_what_cannot_be_is_told(loop, options, code, words):
    with pytest.raises(RefusedError) as caught:
        search(loop, **options)
    assert caught.value.exit_code == code
    assert words in str(caught.value)


def test_the_command_line_asks_and_shows(metered):
    verb = ["search", "--broker", metered.url, "--site", SITE, "--limit-ms", "1000"]
    verb += ["--throughput-mbit-s", "1000", "--round-trip-ms", "0.1", "--objective", "energy"]
    shown = CliRunner().invoke(cli, [*verb, "--min-accuracy", "0.55"])
    assert shown.exit_code == 0, shown.output
    assert "busy 4.00 W, idle 1.00 W (measured: ina219 (hwmon0), 40 readings)" in shown.output
    answer = json.loads(CliRunner().invoke(cli, [*verb, "--power-w", "3", "--json"]).output)
    assert (answer["power"]["busy_w"], answer["power"]["origin"]) == (3.0, "assumed")
    assert answer["chosen"]["energy_mj"] > 0


def test_a_candidate_by_hand_shows_its_energy_and_what_it_misses(metered):
    answer = search(metered, objective="energy", min_accuracy=0.55)
    arch, cut = answer["chosen"]["candidate"]["arch"], answer["chosen"]["candidate"]["cut"]
    budget = 0.5 * answer["chosen"]["energy_mj"]
    options = {"objective": "energy", "max_energy_mj": budget, "arch": arch, "cut": cut, "automatic": False}
    text = metered.deploy(**WIDE, **options)["text"]
    assert "mJ at watts busy 4.00 W" in text
    assert "outside the goal: it takes" in text


def test_a_board_with_a_sensor_measures_once_a_profile_and_once_a_calibration(loop, tmp_path, monkeypatch):
    """A board of its own, whose vcgencmd notes when it is asked."""
    noted = tmp_path / "asked"
    path = add_vcgencmd(tmp_path / "bin", f"echo >>{noted}\n{says(PMIC)}")
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")
    place = ("--broker", loop.url, "--site", SITE, "--state-dir", str(tmp_path / "state"), "--edge", "127.0.0.1:9")
    loop.family.start("pi5", "agent", *place, "--device", "pi5", "--board", "this-machine")

    def ask(verb, **options):
        return json.loads(ask_service(loop.url, SITE, verb, "pi5", options, timeout_s=TIMEOUT_S, quiet=True))

    profile = ask(ServiceVerb.PROFILE, coverage="small", rounds=1)["profile"]
    assert profile["power"]["source"].startswith("Raspberry Pi PMIC")
    assert profile["power"]["busy_w"] == pytest.approx(1.57)
    answer = ask(ServiceVerb.SEARCH, objective="energy", **WIDE)
    assert answer["power"]["origin"] == "measured"
    noted.unlink()
    answer = ask(ServiceVerb.CALIBRATE, heads=10, held_out=4, rounds=2, precision=0.001)
    assert len(answer["steps"]) == 2
    assert answer["profile"]["power"]["origin"] == "measured"
    # 20 readings idle, 20 busy, one to find the sensor; the end of an interval may be one more.
    assert len(noted.read_text()) <= 43


def test_the_objective_is_kept_when_the_link_changes(metered):
    loop = metered
    loop.report_link(*GOOD)
    first = loop.deploy(limit_ms=1000.0, objective="energy", automatic=True)
    assert "least energy at accuracy" in first["deployment"]["reason"]
    assert first["power"]["origin"] == "measured"
    goal = loop.store.get("goal", BOARD, Goal)
    assert goal.constraints.aim.objective is Objective.ENERGY
    before = len(loop.named("deployed"))
    loop.worsen_link(*BAD)
    # Waiting 60 ms at 1 W is worse than computing here.
    found = document(loop.await_named("deployed", before + 1), Deployment)
    assert found.predicted.kind == "all-local"
    assert "less energy" in found.reason
    assert found.predicted.energy_mj == pytest.approx(METER.busy_w * found.predicted.head_ms[0])
    again = loop.ask(ServiceVerb.SEARCH)
    assert again["constraints"]["aim"]["objective"] == "energy"
    assert again["deployed"]["energy_mj"] == pytest.approx(found.predicted.energy_mj)
