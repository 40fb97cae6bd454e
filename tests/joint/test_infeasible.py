"""What nothing can keep is told with what would do: each such line, followed to the letter, finds a candidate."""

import re
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.errors import InfeasibleError
from nasc_sdk.link.link import Link
from nasc_sdk.profiling.profile import Power
from nasc_search.joint.aim import Aim, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search
from tests.joint.tables import per_candidate, random_link, random_table

LINK = Link.fixed(50.0, 1.0)
_CHANGES = {
    r"a limit of (\S+) ms": lambda goal, value: replace(goal, limit_ms=value),
    r"a server budget of (\S+) ms": lambda goal, value: replace(goal, max_server_ms=value),
    r"a floor of (\S+)": lambda goal, value: replace(goal, aim=replace(goal.aim, min_accuracy=value)),
    r"a budget of (\S+) mJ": lambda goal, value: replace(goal, aim=replace(goal.aim, max_energy_mj=value)),
    r"(\S+) bytes of arena": lambda goal, value: replace(goal, arena_bytes=int(value)),
    r"(\S+) bytes of flash": lambda goal, value: replace(goal, flash_bytes=int(value)),
    r"letting the raw input (leave)": lambda goal, _: replace(goal, raw_input_stays=False),
}


def followed(line, goal):
    """The goal with what a line says would do, and the kind of line."""
    for pattern, change in _CHANGES.items():
        if found := re.match(pattern, line):
            return change(goal, found[1] if found[1] == "leave" else float(found[1])), pattern
    raise AssertionError(line)


def refusal(table, goal, link=LINK):
    with pytest.raises(InfeasibleError) as caught:
        search(table, link, goal)
    return caught.value


def test_what_is_said_to_do_does():
    rng = np.random.default_rng(0)
    seen, out_of_reach = set(), 0
    for _ in range(60):
        table = random_table(rng, encodings=2)
        table = replace(table, head_ms=3 * table.head_ms, power=Power(1.0, 4.0, "a meter"))
        objective = list(Objective)[rng.integers(3)]
        floor = float(rng.choice([0.0, 0.9])) * (objective is not Objective.ACCURACY)
        aim = Aim(objective, floor, float(rng.uniform(3, 30)) * (objective is Objective.ENERGY))
        goal = Constraints(float(rng.uniform(3, 25)), 95.0, bool(rng.integers(2)), int(rng.choice([0, 0, 8])),
                           int(rng.choice([0, 0, 20])), float(rng.choice([0.0, 0.4])), aim)  # fmt: skip
        link = random_link(rng)
        try:
            search(table, link, goal)
        except InfeasibleError as error:
            lines = [line for line in error.nearest if " would do: " in line]
            out_of_reach += "no single change would do" in str(error)
            for line in lines:
                changed, pattern = followed(line, goal)
                assert search(table, link, changed).chosen.feasible
                seen.add(pattern)
    assert seen == set(_CHANGES)
    assert out_of_reach > 3


def small():
    """One split of each architecture and the board alone, without spreads."""
    table = random_table(np.random.default_rng(1), archs=3, cuts=3)
    head = np.asarray([[0.0, 1.0, 20.0], [0.0, 2.0, 30.0], [0.0, 3.0, 40.0]])
    tail = np.asarray([[9.0, 4.0, 0.0], [9.0, 5.0, 0.0], [9.0, 6.0, 0.0]])
    none = 0 * head
    return replace(
        table, accuracy=per_candidate([0.8, 0.9, 0.95]), head_ms=head, head_sd_ms=none, tail_ms=tail, tail_sd_ms=none,
        payload_bytes=np.full((3, 1), 1000),
    )  # fmt: skip


def test_a_limit_and_a_server_budget_that_contradict_each_other():
    """Splits ask for 4.2 ms of the server at least, the board alone for 20 ms."""
    error = refusal(small(), Constraints(15.0, max_server_ms=4.0))
    assert str(error).startswith("no candidate meets 15.0 ms at p95 over 50 Mbit/s, 1 ms round trip with 4 ms of the")
    limit, server = (line for line in error.nearest if " would do: " in line)
    assert limit.startswith("a limit of 20.00 ms (--limit-ms) would do: all-local, accuracy 80.00%, 20.00 ms")
    assert server.startswith("a server budget of 4.200 ms (--max-server-ms) would do: split at cut 1, accuracy 80.00%")
    assert not any(line.startswith("nearest split") for line in error.nearest), "it breaks the rules"


def test_a_floor_and_a_server_budget_that_contradict_each_other():
    goal = Constraints(30.0, max_server_ms=4.5, aim=Aim(Objective.LATENCY, 0.92))
    error = refusal(small(), goal)
    assert "no candidate within 30.0 ms at p95" in str(error)
    assert "with 4.5 ms of the server keeps accuracy 92.00%" in str(error)
    starts = [line.split(" would do")[0] for line in error.nearest]
    assert starts == [
        "a limit of 40.00 ms (--limit-ms)", "a floor of 0.9000 (--min-accuracy)",
        "a server budget of 6.200 ms (--max-server-ms)",
    ]  # fmt: skip


def test_a_board_without_room_and_a_server_without_time():
    table = replace(small(), arena_bytes=np.tile([10, 20, 100], (3, 1)))
    error = refusal(table, Constraints(50.0, arena_bytes=50, max_server_ms=1.0))
    assert str(error).startswith("no candidate fits the board with 1 ms of the server")
    starts = [line.split(" would do")[0] for line in error.nearest]
    assert starts == ["a server budget of 4.200 ms (--max-server-ms)", "100 bytes of arena instead of 50"]


def test_two_things_out_of_reach_show_the_least_of_each():
    error = refusal(small(), Constraints(2.0, aim=Aim(Objective.LATENCY, 0.99)))
    headline, *lines = (line for line in error.nearest if not line.startswith("nearest"))
    assert headline.startswith("no single change would do")
    assert lines[0].startswith("a limit of 6.51 ms (--limit-ms): ")
    assert lines[1].startswith("a floor of 0.9500 (--min-accuracy): ")


def test_a_floor_without_a_limit():
    error = refusal(small(), Constraints(None, aim=Aim(Objective.LATENCY, 0.99)))
    assert str(error).startswith("no candidate over 50 Mbit/s, 1 ms round trip keeps accuracy 99.00%")
    assert error.nearest[0].startswith("a floor of 0.9500 (--min-accuracy) would do: ")
