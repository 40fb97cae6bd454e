"""Requests over a real socket, and which of them count for a median."""

import contextlib
import itertools
import os
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.agent.local_port import LocalPort
from nasc_sdk.agent.options import Board
from nasc_sdk.profiling.speed import SLOWED, Speedometer
from nasc_sdk.protocol.local import Answer, ServedBy
from nasc_search.demo.asking import ENOUGH, MOST, Answered, ask, compare, format_parts
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search
from tests.joint.tables import random_link, random_table

IMAGES = np.zeros((30, 28, 28, 1), np.uint8)
ANSWER = Answer(
    label=3, logits=(0.0, 1.0), served_by=ServedBy.LOCAL, contract="c",
    head_ms=1.0, uplink_ms=0.0, tail_ms=0.0, total_ms=1.5,
)  # fmt: skip


class Scripted(Speedometer):
    """Probes that take what the script says."""

    def __init__(self, script):
        self._script = script
        super().__init__()

    def probe(self):
        seconds = next(self._script)
        self._seconds.append(seconds)
        return seconds


@contextlib.contextmanager
def port(answers):
    """A local port that gives these answers, and counts."""
    count = itertools.count()
    local = LocalPort(("127.0.0.1", 0), lambda image: answers(next(count)))
    try:
        yield local.address
    finally:
        local.close()


def test_neighbours_of_a_slow_probe_do_not_count():
    speed = Scripted(itertools.repeat(1.0))
    slow = 1.01 * SLOWED
    assert speed.at_full_speed([1.0, 1.1, slow, 1.0, 1.0]).tolist() == [True, False, False, True]
    assert speed.at_full_speed([1.0]).tolist() == []


def test_probes_really_work():
    assert Speedometer().probe() > 0


def test_as_many_as_asked_for_where_the_machine_is_quiet():
    with port(lambda index: ANSWER) as address:
        answered = ask(address, IMAGES, 250, Scripted(itertools.repeat(1.0)))
    assert len(answered.answers) == 400
    assert answered.full_speed.all()
    with port(lambda index: ANSWER) as address:
        assert len(ask(address, IMAGES, 100, Scripted(itertools.repeat(1.0))).answers) == ENOUGH


def test_it_goes_on_for_a_while_where_the_machine_is_disturbed():
    script = itertools.chain(itertools.repeat(1.0, 200), itertools.repeat(2.0))
    with port(lambda index: ANSWER) as address:
        answered = ask(address, IMAGES, ENOUGH, Scripted(script))
    assert len(answered.answers) == MOST * ENOUGH
    assert not answered.full_speed.any()
    assert answered.counted.all(), "all count where nothing had full speed"


def test_medians_are_of_those_that_count_and_p95_of_all():
    fast = replace(ANSWER, total_ms=5.0)
    slow = replace(ANSWER, total_ms=50.0)
    full = np.asarray([True] * ENOUGH + [False] * 300)
    rng = np.random.default_rng(0)
    predicted = search(random_table(rng), random_link(rng), Constraints(1e6)).chosen
    answered = Answered((fast,) * ENOUGH + (slow,) * 300, full)
    found = {part.name: part for part in compare(predicted, answered)}
    assert found["total"].measured_p50 == 5.0
    assert found["total"].measured_p95 == 50.0
    assert "total" in format_parts(tuple(found.values()))


@pytest.mark.skipif(Board.SMALL.core is None, reason="the system binds no thread to a processor")
def test_a_small_board_has_one_core():
    before = os.sched_getaffinity(0)
    with Board.SMALL.on_core():
        assert os.sched_getaffinity(0) == {Board.SMALL.core}
    assert os.sched_getaffinity(0) == before
    with Board.THIS_MACHINE.on_core():
        assert os.sched_getaffinity(0) == before
