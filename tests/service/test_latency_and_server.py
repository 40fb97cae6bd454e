"""Least latency, and a budget of the edge server, through the whole service: both are kept when it adapts by itself."""

import json

import pytest
from click.testing import CliRunner

from nasc_sdk.cli.main import cli
from nasc_sdk.errors import RefusedError
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_search.joint.aim import FLOOR_BELOW, Objective
from nasc_search.service.records import Deployment, Goal
from tests.service.loops import BOARD, SITE, document, open_loop, slow_down

GOOD, BAD = (1000.0, 0.1), (0.01, 20_000.0)
LINK = {"throughput_mbit_s": GOOD[0], "round_trip_ms": GOOD[1]}


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    with open_loop(tmp_path_factory.mktemp("latency")) as running:
        running.profile()
        slow_down(running.store)
        yield running


def search(loop, **options):
    return loop.ask(ServiceVerb.SEARCH, **{**LINK, **options})


def run(loop, verb, *words):
    place = ("--broker", loop.url, "--site", SITE, "--throughput-mbit-s", "1000", "--round-trip-ms", "0.1")
    return CliRunner().invoke(cli, [verb, *place, *words])


def test_the_fastest_within_a_point_of_the_most_accurate(loop):
    best, fast = search(loop, limit_ms=1000.0), search(loop, objective="latency")
    assert fast["constraints"]["limit_ms"] is None
    assert fast["accuracy_floor"] == pytest.approx(best["chosen"]["accuracy"] - FLOOR_BELOW)
    assert fast["chosen"]["accuracy"] >= fast["accuracy_floor"]
    assert fast["chosen"]["limited_ms"] <= best["chosen"]["limited_ms"]
    assert "no feasible candidate is faster at accuracy" in fast["text"]
    assert "accuracy floor down to" in fast["text"]
    lower = search(loop, objective="latency", min_accuracy=0.6)
    assert lower["chosen"]["limited_ms"] < fast["chosen"]["limited_ms"]


def test_a_server_budget_leaves_the_server_to_others(loop):
    free = search(loop, limit_ms=1000.0, objective="latency")["chosen"]
    assert free["kind"] == "split"
    for objective in Objective:
        bound = search(loop, limit_ms=1000.0, objective=objective.value, max_server_ms=0.5 * free["tail_ms"][0])
        assert bound["chosen"]["tail_ms"][0] <= 0.5 * free["tail_ms"][0]
        assert "ms of the server or less" in bound["text"]
        assert all(point["limited_ms"] > 0 for point in bound["fronts"])
    regimes = loop.ask(ServiceVerb.MAP, limit_ms=1000.0, max_server_ms=1e-9)["map"]["regimes"]
    assert {regime["kind"] for regime in regimes} == {"all-local"}


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"objective": "energy"}, 3, "no latency limit"),
        ({"objective": "latency", "max_energy_mj": 3.0}, 3, "goes with the objective energy"),
        ({"limit_ms": 5.0, "max_server_ms": -1.0}, 3, "a server budget is"),
        ({"objective": "latency", "min_accuracy": 0.999}, 5, "a floor of"),
        ({"objective": "latency", "min_accuracy": 0.999, "limit_ms": 1e-3}, 5, "no single change would do"),
        ({"limit_ms": 0.05, "max_server_ms": 1e-6}, 5, "with 1e-06 ms of the server"),
    ],
)
def test_what_cannot_be_is_told(loop, options, code, words):
    with pytest.raises(RefusedError) as caught:
        search(loop, **options)
    assert caught.value.exit_code == code
    assert words in str(caught.value)


def test_the_command_line(loop):
    shown = run(loop, "search", "--objective", "latency", "--min-accuracy", "0.6", "--max-server-ms", "100")
    assert shown.exit_code == 0, shown.output
    assert "least latency, no limit, p95, accuracy 60.00% or more, 100 ms of the server or less" in shown.output
    answer = json.loads(run(loop, "search", "--objective", "latency", "--json").output)
    assert answer["link"] == {
        "throughput_mbit_s": [1000.0] * 3, "round_trip_ms": [0.1] * 3, "loss": 0.0, "segment_loss": 0.0, "samples": 1,
    }  # fmt: skip


def test_goal_and_budget_are_kept_when_the_link_changes(loop):
    loop.report_link(*GOOD)
    free = search(loop, objective="latency", min_accuracy=0.6)["chosen"]
    asked = {"objective": "latency", "min_accuracy": 0.6, "max_server_ms": 0.9 * free["tail_ms"][0]}
    first = loop.deploy(**asked, automatic=True)
    assert first["deployment"]["predicted"]["tail_ms"][0] <= asked["max_server_ms"]
    assert "least latency at accuracy 60.00% or more over" in first["deployment"]["reason"]
    assert first["prepared"] > 0
    goal = loop.store.get("goal", BOARD, Goal).constraints
    assert (goal.limit_ms, goal.aim.objective, goal.max_server_ms) == (None, Objective.LATENCY, asked["max_server_ms"])
    before = len(loop.named("deployed"))
    loop.worsen_link(*BAD)
    found = document(loop.await_named("deployed", before + 1), Deployment)
    assert found.predicted.kind == "all-local"
    assert "less latency" in found.reason
    loop.report_latency(found.contract, 1e6, 1e6)
    loop.report_latency(found.contract, 1e6, 1e6)
    loop.await_idle()
    assert not loop.named("over-limit"), "there is no limit to be over"
    known = loop.ask(ServiceVerb.STATUS)
    assert known["goal"]["constraints"]["max_server_ms"] == asked["max_server_ms"]
    assert known["goal_text"].startswith("least latency, no limit, p95, accuracy 60.00% or more")
    status = CliRunner().invoke(cli, ["status", "--broker", loop.url, "--site", SITE, "--wait-s", "0.3"])
    assert "board was asked for: least latency" in " ".join(status.output.split())
    assert max(map(len, status.output.splitlines())) <= 100


def test_by_hand_the_budget_is_a_rule(loop):
    free = search(loop, limit_ms=1000.0)["chosen"]
    arch = free["candidate"]["arch"]
    with pytest.raises(RefusedError, match="ms of the server, allowed are 1e-06"):
        loop.deploy(**LINK, limit_ms=1000.0, max_server_ms=1e-6, arch=arch, cut=1, automatic=False)
