"""Goals and links from the options of a request, whatever they are."""

import contextlib

import msgspec
import pytest
from msgspec.structs import replace as replace_message

from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import UNKNOWN_BOARD
from nasc_search.joint.aim import MOST_ACCURATE, Aim, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.service.records import Goal
from nasc_search.service.searching import Searching, parse_goal, parse_link
from nasc_search.service.store import Store
from tests.protocol.examples import EXAMPLES

STATE = EXAMPLES[0]
BEFORE = Goal(Constraints(8.0, 99.0, False, 1000, 2000), "rack", False)


def test_a_goal_builds_on_the_one_before():
    assert parse_goal({}, BEFORE) == BEFORE
    assert parse_goal({"limit_ms": 5}, BEFORE) == Goal(Constraints(5.0, 99.0, False, 1000, 2000), "rack", False)
    assert parse_goal({"limit_ms": 5}, None) == Goal(Constraints(5.0))
    assert parse_goal({"raw_input_may_leave": False}, BEFORE).constraints.raw_input_stays


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"limit_ms": "soon"},
        {"limit_ms": 0},
        {"limit_ms": float("nan")},
        {"limit_ms": float("inf")},
        {"limit_ms": 5, "percentile": 30},
        {"limit_ms": 5, "arena_bytes": -1},
        {"limit_ms": 5, "flash_bytes": "much"},
        {"limit_ms": 5, "arena_bytes": float("inf")},
        {"limit_ms": 5, "colour": "red"},
        {"limit_ms": 5, "objective": "beauty"},
        {"limit_ms": 5, "min_accuracy": 0.8},
        {"limit_ms": 5, "objective": "accuracy", "max_energy_mj": 8},
        {"limit_ms": 5, "objective": "energy", "min_accuracy": 1.5},
        {"limit_ms": 5, "objective": "energy", "min_accuracy": 0},
        {"limit_ms": 5, "objective": "energy", "min_accuracy": "high"},
        {"limit_ms": 5, "objective": "energy", "max_energy_mj": -1},
        {"limit_ms": 5, "objective": "energy", "max_energy_mj": float("nan")},
        {"objective": "latency", "max_energy_mj": 3},
        {"objective": "latency", "limit_ms": 0},
        {"objective": "energy"},
        {"limit_ms": 5, "max_server_ms": -1},
        {"limit_ms": 5, "max_server_ms": float("inf")},
        {"limit_ms": 5, "max_server_ms": "little"},
        {"limit_ms": 5, "power_w": ""},
        {"limit_ms": 5, "power_w": "much"},
        {"limit_ms": 5, "power_w": "-3"},
        {"limit_ms": 5, "power_w": "0"},
        {"limit_ms": 5, "power_w": "3,-1"},
        {"limit_ms": 5, "power_w": "3,4"},
        {"limit_ms": 5, "power_w": "3,2,1"},
        {"limit_ms": 5, "power_w": "3,nan"},
        {"limit_ms": 5, "power_w": "1e9"},
    ],
)
def test_bad_goals_are_refused(options):
    with pytest.raises(InputError):
        parse_goal(options, None)


def test_an_aim_builds_on_the_one_before():
    asked = parse_goal({"objective": "energy", "min_accuracy": 0.8, "max_energy_mj": 9}, BEFORE)
    assert asked.constraints.aim == Aim(Objective.ENERGY, 0.8, 9.0)
    again = parse_goal({"min_accuracy": 0.7}, asked)
    assert again.constraints.aim == Aim(Objective.ENERGY, 0.7, 9.0)
    assert parse_goal({"limit_ms": 3}, asked).constraints.aim == asked.constraints.aim
    assert parse_goal({"objective": "energy"}, asked).constraints.aim == Aim(Objective.ENERGY)
    assert parse_goal({"objective": "accuracy"}, asked).constraints.aim == MOST_ACCURATE


def test_least_latency_needs_no_limit():
    free = parse_goal({"objective": "latency", "min_accuracy": 0.9}, None)
    assert free.constraints == Constraints(None, aim=Aim(Objective.LATENCY, 0.9))
    assert parse_goal({"min_accuracy": 0.8}, free).constraints.limit_ms is None
    assert parse_goal({"limit_ms": 5}, free).constraints == Constraints(5.0, aim=free.constraints.aim)
    assert parse_goal({"objective": "latency"}, BEFORE).constraints.limit_ms is None, "that of another objective"
    assert parse_goal({"objective": "latency", "limit_ms": 5}, BEFORE).constraints.limit_ms == 5.0
    with pytest.raises(InputError, match="only --objective latency does without one"):
        parse_goal({"objective": "accuracy"}, free)


def test_a_server_budget_is_kept_until_another_is_given():
    asked = parse_goal({"max_server_ms": 2.5}, BEFORE)
    assert asked.constraints.max_server_ms == 2.5
    assert parse_goal({"objective": "latency"}, asked).constraints.max_server_ms == 2.5
    assert parse_goal({"max_server_ms": 0}, asked).constraints.max_server_ms == 0.0


def test_watts_are_kept_until_others_are_given():
    given = parse_goal({"power_w": "4,2.5"}, BEFORE)
    assert given.power_w == (4.0, 2.5)
    assert parse_goal({"limit_ms": 3}, given).power_w == (4.0, 2.5)
    assert parse_goal({"power_w": "profile"}, given).power_w is None
    busy_w, idle_w = parse_goal({"power_w": "3.6"}, BEFORE).power_w
    assert (busy_w, idle_w) == pytest.approx((UNKNOWN_BOARD.busy_w, UNKNOWN_BOARD.idle_w))


def test_goals_of_older_programs_are_read(tmp_path):
    """Written before there were aims, watts and server budgets."""
    with contextlib.closing(Store(tmp_path / "db")) as store:
        document = msgspec.to_builtins(BEFORE)
        del document["power_w"], document["constraints"]["aim"], document["constraints"]["max_server_ms"]
        store.put("goal", "pi", document)
        assert store.get("goal", "pi", Goal) == BEFORE
        for options in ({"objective": "energy", "max_energy_mj": 3, "power_w": "4,1"}, {"objective": "latency"}):
            aimed = parse_goal({**options, "max_server_ms": 2}, BEFORE)
            store.put("goal", "pi", aimed)
            assert store.get("goal", "pi", Goal) == aimed


def test_links():
    assert parse_link({"limit_ms": 5}) is None
    assert parse_link({"throughput_mbit_s": 5, "round_trip_ms": 2}).round_trip_ms == (2.0,)


@pytest.mark.parametrize(
    "options",
    [
        {"throughput_mbit_s": 5},
        {"round_trip_ms": 5},
        {"throughput_mbit_s": 0, "round_trip_ms": 1},
        {"throughput_mbit_s": 5, "round_trip_ms": -1},
        {"throughput_mbit_s": "fast", "round_trip_ms": 1},
    ],
)
def test_bad_links_are_refused(options):
    with pytest.raises(InputError):
        parse_link(options)


@pytest.mark.parametrize(("asked", "flash_bytes"), [(0, 1000), (600, 600), (5000, 1000)])
def test_the_boards_memory_limits_hold_whatever_is_asked_for(tmp_path, asked, flash_bytes):
    """Half of its room for models is for the next head."""
    capabilities = replace_message(STATE.capabilities, arena_bytes=700, flash_bytes=2000)
    with contextlib.closing(Store(tmp_path / "db")) as store:
        store.put("state", "pi", replace_message(STATE, capabilities=capabilities))
        searching = Searching(store, planner=None, mailbox=None)
        goal = searching.goal("pi", {"limit_ms": 5, "flash_bytes": asked})
    assert (goal.constraints.arena_bytes, goal.constraints.flash_bytes) == (700, flash_bytes)
