"""Each promise of the demo can be broken, and then says so."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_search.calibrate.report import HeadCheck, summarize
from nasc_search.demo.traffic import Failure
from nasc_search.demo.verdict import Change, Course, verdict
from tests.report.summaries import profile, samples, state

LIMIT_MS = 10.0


def report(device, error):
    checks = tuple(
        HeadCheck(f"head {number}", "key", 100.0 * (1 + error), 100.0) for number in range(4)
    )
    return summarize(device, 20, 0, (), np.asarray([0.01]), checks)


def front(kind, accuracy, latency_ms):
    point = state().front[0]
    return replace(point, kind=kind, accuracy=accuracy, latency_ms=latency_ms)


def course():
    """Everything went as promised."""
    good = replace(state(), front=(front("all-local", 0.90, 8.0), front("split", 0.916, 5.0)))
    bad = replace(state("worse link", "all-local", 10), arch="another", contract="other", accuracy=0.90)
    names = ("good link", "worse link", "recovered link")
    return Course(
        limit_ms=LIMIT_MS,
        profiles=(profile("board", 20), profile("edge", 0.5)),
        fits={"board": report("board", 0.02), "edge": report("edge", 0.03)},
        distinct_blocks=953,
        states=[good, bad, replace(good, name="recovered link")],
        own_answers=dict.fromkeys(names, 1.0),
        learned_ms=dict.fromkeys(names, 4.8),
        measured_accuracy=dict.fromkeys(names, 0.912),
        float_accuracy=0.915,
        images=1000,
        changes=[Change("worse link", 1.0, 1.4, 1.9), Change("recovered link", 9.0, 9.2, 9.9)],
        samples=list(samples(50)),
        agent_mb=75.0,
        agent_has_torch=False,
    )


def broken(found, dead=()):
    return [promise.name for promise in verdict(found, dead)[0] if not promise.held]


def with_total(found, index, **times):
    """The course with other total times in one state."""
    parts = tuple(replace(part, **times) if part.name == "total" else part for part in found.states[index].parts)
    found.states[index] = replace(found.states[index], parts=parts)


def test_all_held():
    promises, figures = verdict(course(), ())
    assert all(promise.held for promise in promises)
    assert len({promise.name for promise in promises}) == len(promises) >= 18
    assert all(promise.detail for promise in promises)
    assert len(figures) > 30
    assert all(figure.unit for figure in figures)


def test_accuracies_are_of_the_images_not_of_the_requests():
    """Where the machine was disturbed there are more requests."""
    found = course()
    found.states[0] = replace(found.states[0], requests=2800)
    (promise,) = [promise for promise in verdict(found, ())[0] if "int8 split pipeline" in promise.name]
    assert promise.detail.endswith("on 1000 test images")


def test_a_dead_process():
    assert broken(course(), ("edge",)) == ["every process ran to the end"]


@pytest.mark.parametrize(("megabytes", "torch"), [(151.0, False), (0.0, False), (75.0, True)])
def test_a_heavy_agent(megabytes, torch):
    found = course()
    found.agent_mb, found.agent_has_torch = megabytes, torch
    assert broken(found) == ["the agent needs no torch and little memory"]


@pytest.mark.parametrize("error", [0.11, -0.11])
def test_a_cost_model_that_is_off(error):
    found = course()
    found.fits["board"] = report("board", error)
    assert broken(found) == ["the cost model of the board predicts heads it was not fitted on"]


def test_a_cost_model_that_was_never_checked():
    found = course()
    found.fits["edge"] = summarize("edge", 20, 0, (), np.asarray([0.01]), ())
    assert broken(found) == ["the cost model of the edge predicts heads it was not fitted on"]


@pytest.mark.parametrize("alone", [front("all-local", 0.916, 9.9), front("all-local", 0.92, 3.0)])
def test_a_board_that_could_do_it_alone(alone):
    found = course()
    found.states[0] = replace(found.states[0], front=(*found.states[0].front, alone))
    assert any("the decision is real" in name for name in broken(found))


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("factor", [0.89, 1.11])
def test_a_prediction_that_is_off(index, factor):
    found = course()
    measured = found.states[index].parts[-1].measured_p50
    with_total(found, index, predicted_p50=factor * measured)
    (name,) = broken(found)
    assert name.startswith(f"{found.states[index].name}: predicted total")


@pytest.mark.parametrize(("slowdown", "error", "held"), [
    ((1.1, 1.1), 0.12, False), ((1.3, 1.0), 0.12, True), ((1.0, 1.8), -0.24, True), ((1.8, 1.8), 0.26, False),
])  # fmt: skip
def test_a_machine_slowed_by_others_is_predicted_less_well(slowdown, error, held):
    found = course()
    with_total(found, 0, predicted_p50=(1 + error) * found.states[0].parts[-1].measured_p50)
    found.states[0] = replace(found.states[0], slowdown=slowdown)
    assert (not broken(found)) == held


@pytest.mark.parametrize("index", range(3))
def test_answers_over_the_limit(index):
    found = course()
    with_total(found, index, measured_p95=2 * LIMIT_MS)
    assert not broken(found), "others slowed the machine"
    found.states[index] = replace(found.states[index], undisturbed_p95_ms=LIMIT_MS + 0.01)
    assert broken(found) == [f"{found.states[index].name}: p95 under the limit"]


def test_int8_that_costs_accuracy():
    found = course()
    found.measured_accuracy["good link"] = 0.904
    assert broken(found) == ["int8 split pipeline within one point of the float network"]


@pytest.mark.parametrize("served_s", [1.4, 1.2, 4.5])
def test_a_candidate_that_comes_late_or_was_there_before(served_s):
    found = course()
    found.changes[0] = replace(found.changes[0], served_s=served_s)
    (name,) = broken(found)
    assert name.startswith("worse link: new candidate serves")


def test_a_request_without_an_answer():
    found = course()
    found.failures.append(Failure(3.0, "no answer"))
    assert broken(found) == ["requests were answered all the time"]
    found.failures.clear()
    found.samples.clear()
    assert broken(found) == ["requests were answered all the time"]


def test_a_worse_link_that_changed_nothing():
    found = course()
    found.states[1] = replace(found.states[0], name="worse link")
    assert broken(found) == ["the worse link led to another candidate"]


def test_no_way_back():
    found = course()
    found.states[2] = replace(found.states[1], name="recovered link")
    assert broken(found) == ["the recovered link led back"]


def test_answers_of_somebody_else():
    found = course()
    found.own_answers["worse link"] = 0.98
    assert broken(found) == ["answers came from the deployed candidate"]
