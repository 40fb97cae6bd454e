"""The board's latency report: parts of one contract, all requests, bounded, empty when nobody asked."""

import threading
from dataclasses import replace

import pytest

from nasc_sdk.agent import latency
from nasc_sdk.agent.latency import LatencyTally, median_and_p95
from nasc_sdk.protocol.local import Answer, ServedBy
from nasc_sdk.protocol.messages import LatencyReport, decode, encode

ANSWER = Answer(3, (0.0, 1.0), 1.0, 2.0, 3.0, 6.5, ServedBy.SPLIT, "old")


def told(*answers):
    tally = LatencyTally("pi")
    for answer in answers:
        tally.answered(answer)
    return tally


def test_nothing_asked_nothing_said():
    tally = told()
    assert tally.report() is None
    tally.answered(ANSWER)
    assert tally.report().requests == 1
    assert tally.report() is None


def test_medians_and_p95():
    answers = [replace(ANSWER, total_ms=float(value)) for value in range(1, 102)]
    assert median_and_p95(answers, "total_ms") == (51.0, 96.0)
    report = told(*reversed(answers)).report()
    assert report.total_ms == (51.0, 96.0)
    assert (report.head_ms, report.uplink_ms, report.tail_ms) == ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0))
    assert median_and_p95([], "total_ms") == (0.0, 0.0)


def test_failures_and_fallbacks_are_counted_and_the_report_can_be_sent():
    tally = told(ANSWER, replace(ANSWER, served_by=ServedBy.FALLBACK))
    tally.failed()
    report = tally.report()
    assert (report.requests, report.failures, report.fallbacks) == (3, 1, 1)
    assert decode(LatencyReport, encode(report), "t") == report
    tally.failed()
    report = tally.report()
    assert (report.requests, report.failures, report.contract, report.total_ms) == (1, 1, "", (0.0, 0.0))
    assert decode(LatencyReport, encode(report), "t") == report


def test_two_candidates_are_not_mixed():
    slow, fast = replace(ANSWER, total_ms=100.0), replace(ANSWER, total_ms=1.0, contract="new")
    report = told(slow, slow, slow, fast).report()
    assert (report.contract, report.total_ms, report.requests) == ("new", (1.0, 1.0), 4)


def test_it_is_bounded(monkeypatch):
    monkeypatch.setattr(latency, "MAX_KEPT", 5)
    tally = told(*[ANSWER] * 9)
    assert len(tally._answers) == 5


@pytest.mark.parametrize("threads", [4])
def test_no_answer_is_lost_or_counted_twice(threads):
    tally, reports, stopped = LatencyTally("pi"), [], threading.Event()

    def ask():
        for _ in range(500):
            tally.answered(ANSWER)
            tally.failed()

    def collect():
        while not stopped.wait(0.001):
            reports.append(tally.report())

    asking = [threading.Thread(target=ask) for _ in range(threads)]
    collecting = threading.Thread(target=collect)
    for thread in (collecting, *asking):
        thread.start()
    for thread in asking:
        thread.join(30)
    stopped.set()
    collecting.join(30)
    reports.append(tally.report())
    said = [report for report in reports if report is not None]
    assert sum(report.requests for report in said) == threads * 1000
    assert sum(report.failures for report in said) == threads * 500


def test_a_slow_board_s_report_waits_for_enough_answers_but_not_for_ever(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(latency.time, "monotonic", lambda: now[0])
    tally = told(*[ANSWER] * 20)
    now[0] = 2.0
    assert not tally.is_due()
    for _ in range(latency.ENOUGH - 20):
        tally.answered(ANSWER)
    assert tally.is_due()
    tally.report()
    tally.answered(ANSWER)
    now[0] = 2.0 + latency.LONGEST_S
    assert tally.is_due()


def test_a_fast_board_reports_each_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(latency.time, "monotonic", lambda: now[0])
    tally = told(*[ANSWER] * 40)
    now[0] = 2.0
    assert tally.is_due()


@pytest.mark.parametrize("served_by", [ServedBy.FALLBACK, None])
def test_what_is_unusual_is_told_at_once(served_by):
    tally = LatencyTally("pi")
    tally.failed() if served_by is None else tally.answered(replace(ANSWER, served_by=served_by))
    assert tally.is_due()
