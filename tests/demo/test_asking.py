"""Requests over a real socket, and the speed of the processors around them."""

import contextlib
import itertools
import os
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.agent.local_port import LocalPort
from nasc_sdk.agent.options import Board
from nasc_sdk.protocol.local import Answer, ServedBy
from nasc_search.demo.asking import Answered, ask, compare, format_parts
from nasc_search.demo.processors import Processors
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search
from tests.joint.tables import random_link, random_table

IMAGES = np.zeros((30, 28, 28, 1), np.uint8)
ANSWER = Answer(
    label=3, logits=(0.0, 1.0), served_by=ServedBy.LOCAL, contract="c",
    head_ms=1.0, uplink_ms=0.0, tail_ms=0.0, total_ms=1.5,
)  # fmt: skip


class Steady:
    """A meter whose full speed is one second a probe."""

    fastest_s = 1.0


class Scripted(Processors):
    """Probes that take what the script says, in times of full speed."""

    def __init__(self, script):
        super().__init__(Board.SMALL)
        self._script, self._meters = script, [(core, Steady()) for core, _ in self._meters]

    def probe(self):
        return next(self._script)


@contextlib.contextmanager
def port(answers):
    """A local port that gives these answers, and counts."""
    count = itertools.count()
    local = LocalPort(("127.0.0.1", 0), lambda image: answers(next(count)))
    try:
        yield local.address
    finally:
        local.close()


def test_a_step_is_as_slow_as_the_probes_beside_it():
    processors = Processors(Board.SMALL)
    full = np.asarray([meter.fastest_s for _, meter in processors._meters])
    found = processors.slowdown([tuple(full), tuple(full * (1.0, 2.0)), tuple(full * (0.5, 2.0))])
    assert found == pytest.approx(np.asarray([[1.0, 1.5], [1.0, 2.0]])), "never faster than full speed"
    assert processors.slowdown([tuple(full)]).shape == (0, 2)


@pytest.mark.parametrize("board", Board)
def test_probes_really_work(board):
    before = os.sched_getaffinity(0)
    processors = Processors(board)
    assert min(processors.probe()) > 0
    assert os.sched_getaffinity(0) == before
    assert (processors.board is None) == (board is Board.THIS_MACHINE)
    if len(before) > 1 and processors.board is not None:
        assert processors.server != processors.board


def test_as_many_as_asked_for_with_the_speed_around_each():
    script = itertools.chain([(1.0, 1.0)] * 101, itertools.repeat((2.0, 3.0)))
    with port(lambda index: ANSWER) as address:
        answered = ask(address, IMAGES, 250, Scripted(script))
    assert len(answered.answers) == 250
    assert answered.slowdown.shape == (250, 2)
    assert (answered.slowdown[:100] == 1.0).all()
    assert answered.typical_slowdown == (2.0, 3.0)


def test_medians_are_predicted_for_the_speed_that_there_was():
    rng = np.random.default_rng(0)
    answers = tuple(replace(ANSWER, total_ms=ms) for ms in np.linspace(5.0, 50.0, 101).tolist())
    predicted = search(random_table(rng), random_link(rng), Constraints(1e6)).chosen
    usual = {part.name: part for part in compare(predicted, Answered(answers, np.ones((101, 2))))}
    slowed = {part.name: part for part in compare(predicted, Answered(answers, np.full((101, 2), (2.0, 3.0))))}
    head, tail, total = predicted.head_ms[0], predicted.tail_ms[0], predicted.total_ms[0]
    assert usual["total"].predicted_p50 == pytest.approx(total)
    assert slowed["head"].predicted_p50 == pytest.approx(1.8 * head)
    assert slowed["tail"].predicted_p50 == pytest.approx(2.6 * tail)
    assert slowed["total"].predicted_p50 == pytest.approx(total + 0.8 * head + 1.6 * tail)
    assert slowed["uplink"] == usual["uplink"]
    assert usual["total"].measured_p50 == slowed["total"].measured_p50 == 27.5
    assert usual["total"].measured_p95 == pytest.approx(47.75)
    assert slowed["total"].predicted_p95 == predicted.total_ms[1]
    assert "total" in format_parts(tuple(usual.values()))


def test_what_others_slowed_can_be_taken_out_of_the_p95():
    answers = tuple(replace(ANSWER, head_ms=10.0, tail_ms=4.0, total_ms=20.0) for _ in range(100))
    assert Answered(answers, np.ones((100, 2))).undisturbed_p95_ms == 20.0
    # Of a slow-down of 2 heads feel 1.8, of one of 1.5 tails feel 1.4.
    slowed = Answered(answers, np.full((100, 2), (2.0, 1.5)))
    assert slowed.undisturbed_p95_ms == pytest.approx(20.0 - 10.0 * (1 - 1 / 1.8) - 4.0 * (1 - 1 / 1.4))


@pytest.mark.skipif(Board.SMALL.core is None, reason="the system binds no thread to a processor")
def test_a_small_board_has_one_core():
    before = os.sched_getaffinity(0)
    with Board.SMALL.on_core():
        assert os.sched_getaffinity(0) == {Board.SMALL.core}
    assert os.sched_getaffinity(0) == before
    with Board.THIS_MACHINE.on_core():
        assert os.sched_getaffinity(0) == before
