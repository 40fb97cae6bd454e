"""The service searches again by itself: at once when it is sure, on the second report when it is not."""

import itertools

import pytest

from nasc_sdk.candidate import Candidate
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.in_service import ServedLog
from nasc_search.service.adapting import Cause, waits
from nasc_search.service.records import Deployment, Goal
from nasc_search.service.searching import SERVED
from tests.service.loops import BOARD, document, open_loop

GOOD, BAD = (1000.0, 0.1), (1.0, 60.0)


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    with open_loop(tmp_path_factory.mktemp("loop")) as running:
        assert running.profile().blocks
        running.limit_ms = limit(running)
        yield running


def limit(loop):
    """Half of what the most accurate network takes on the board alone; over the good link it is within."""
    wide = loop.ask(ServiceVerb.SEARCH, limit_ms=1000.0, throughput_mbit_s=GOOD[0], round_trip_ms=GOOD[1])
    local = max(point["limited_ms"] for point in wide["fronts"] if point["kind"] == "all-local")
    return local / 2


@pytest.fixture
def deployed(loop):
    """The best candidate over the good link runs, and the board knows of no other link."""
    loop.report_link(*GOOD)
    answer = loop.deploy(limit_ms=loop.limit_ms)
    assert answer["deployment"]["predicted"]["kind"] == "split"
    return answer["deployment"]


def test_what_waits_for_a_second_report():
    one, other = Candidate("a", 1), Candidate("b", 2)
    for favoured, down in itertools.product((None, one, other), (False, True)):
        assert waits(Cause.PERIODIC, one, favoured, steps_down=down) == (favoured != one)
        assert waits(Cause.CHANGED, one, favoured, steps_down=down) == (down and favoured != one)
        assert not waits(Cause.MISSED, one, favoured, steps_down=down)


def test_a_worse_link_is_acted_upon_when_a_second_report_agrees(loop, deployed):
    before = len(loop.named("deployed"))
    loop.report_link(*BAD, changed=True)
    loop.await_idle()
    assert len(loop.named("deployed")) == before, "it may be a hiccup"
    assert "waiting for another report" in loop.named("kept")[-1].text
    loop.report_link(*BAD)
    event = loop.await_named("deployed", before + 1)
    found = document(event, Deployment)
    assert found.predicted.kind == "all-local"
    assert found.predicted.total_ms[1] <= loop.limit_ms
    assert found.predicted.evaluated
    assert found.contract != deployed["contract"]
    assert len(loop.named("link-changed")) >= 1


def test_a_better_link_is_acted_upon_at_once(loop, deployed):
    before = len(loop.named("deployed"))
    loop.worsen_link(*BAD)
    assert document(loop.await_named("deployed", before + 1), Deployment).predicted.kind == "all-local"
    loop.report_link(*GOOD, changed=True)
    assert document(loop.await_named("deployed", before + 2), Deployment).predicted.kind == "split"


def test_a_hiccup_of_the_link_costs_no_accuracy(loop, deployed):
    before = len(loop.named("deployed"))
    for link in (BAD, GOOD, BAD, GOOD):
        loop.report_link(*link, changed=True)
        loop.await_idle()
    loop.report_link(*GOOD)
    loop.await_idle()
    assert len(loop.named("deployed")) == before


def test_a_periodic_report_is_acted_upon_when_the_next_one_agrees(loop, deployed):
    # Whatever changes were reported before have their follow-ups behind them.
    for _ in range(2):
        loop.report_link(*GOOD)
        loop.await_idle()
    before = len(loop.named("deployed"))
    loop.report_link(*BAD)
    loop.await_idle()
    assert len(loop.named("deployed")) == before
    loop.report_link(*GOOD)
    loop.await_idle()
    loop.report_link(*BAD)
    loop.await_idle()
    assert len(loop.named("deployed")) == before, "two strange reports, but not in a row"
    loop.report_link(*BAD)
    assert document(loop.await_named("deployed", before + 1), Deployment).predicted.kind == "all-local"


def test_answers_over_the_limit_lead_to_a_faster_candidate(loop, deployed):
    before = len(loop.named("deployed"))
    loop.worsen_link(*BAD)
    local = document(loop.await_named("deployed", before + 1), Deployment)
    p50, p95 = local.predicted.total_ms[0], 1.1 * loop.limit_ms
    loop.report_latency(local.contract, p50, p95, requests=20)
    loop.report_latency(local.contract, p50, p95)
    loop.await_idle()
    assert len(loop.named("deployed")) == before + 1, "one report may be chance"
    loop.report_latency(local.contract, p50, p95)
    faster = document(loop.await_named("deployed", before + 2), Deployment)
    assert loop.named("over-limit")
    assert loop.named("prediction")
    assert faster.candidate != local.candidate
    assert len(loop.store.get(SERVED, BOARD, ServedLog).entries) == 2


def test_a_new_profile_forgets_what_was_served(loop, deployed):
    loop.report_latency(deployed["contract"], 1.0, 1.1)
    loop.await_idle()
    assert loop.store.get(SERVED, BOARD, ServedLog).entries
    loop.ask(ServiceVerb.PROFILE, coverage="small", rounds=2)
    assert not loop.store.get(SERVED, BOARD, ServedLog).entries


def test_without_adapting_nothing_moves(loop, deployed):
    loop.deploy(limit_ms=loop.limit_ms, automatic=False)
    before = len(loop.named("deployed"))
    loop.worsen_link(*BAD)
    loop.report_latency(loop.newest()[0]["contract"], 1e3, 1e3)
    loop.report_latency(loop.newest()[0]["contract"], 1e3, 1e3)
    loop.await_idle()
    assert len(loop.named("deployed")) == before
    loop.deploy(limit_ms=loop.limit_ms, automatic=True)


def test_where_nothing_meets_the_limit_the_nearest_is_better_than_what_runs(loop, deployed):
    """The link is lost and the board alone is too slow: it is still nearer to the limit than the link."""
    before = len(loop.named("deployed"))
    loop.store.put("goal", BOARD, Goal(Constraints(0.01)))
    loop.report_link(*BAD, changed=True)
    found = document(loop.await_named("deployed", before + 1), Deployment)
    assert found.predicted.kind == "all-local"
    assert "comes nearest" in found.reason
    loop.report_link(*BAD)
    loop.await_named("search-failed", 1)
    assert len(loop.named("deployed")) == before + 1
