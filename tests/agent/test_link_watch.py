"""Reports of the link: a change at once and of the new link alone, the periodic one, nothing without news."""

import itertools

import pytest

from nasc_sdk.agent.link_watch import FOLLOW_UP_S, FOLLOW_UPS, LinkReporter, LinkWatch

BYTES = 16_384
GOOD, BAD = (50.0, 2.0), (1.0, 60.0)


class Link:
    """A link that feeds a watch: a ping and a transfer every ``step_s``."""

    def __init__(self, watch):
        self.watch, self.now_s = watch, 100.0

    def feed(self, link, count, step_s=0.1):
        """Reports and the number of rounds after which each came."""
        throughput, round_trip = link
        reports = []
        for index in range(count):
            self.now_s += step_s
            elapsed = round_trip + BYTES * 8e-3 / throughput
            for report in (
                self.watch.transfer(self.now_s, BYTES, elapsed),
                self.watch.ping(self.now_s, round_trip),
                self.watch.tick(self.now_s),
            ):
                if report is not None:
                    reports.append((index + 1, report))
        return reports


@pytest.fixture
def link():
    return Link(LinkWatch("board"))


def changed(reports):
    return [(rounds, report) for rounds, report in reports if report.changed]


@pytest.mark.parametrize(("before", "after"), [(GOOD, BAD), (BAD, GOOD)])
def test_a_change_is_reported_at_once_and_alone(link, before, after):
    assert not changed(link.feed(before, 40))
    ((rounds, report),) = changed(link.feed(after, 40))
    assert rounds <= 5
    assert report.device == "board"
    assert len(report.throughput_mbit_s) >= 3
    for throughput in report.throughput_mbit_s[1:]:
        assert throughput == pytest.approx(after[0], rel=0.6)
    assert report.round_trip_ms[-1] == pytest.approx(after[1], rel=0.1)


def test_later_reports_do_not_mix_in_the_link_before(link):
    link.feed(GOOD, 40)
    link.feed(BAD, 100)
    reports = [report for _, report in link.feed(BAD, 60) if not report.changed]
    assert reports
    assert max(reports[-1].throughput_mbit_s) < 5


def test_periodic_reports(link):
    reports = link.feed(GOOD, 170)
    assert not changed(reports)
    assert len(reports) == 4
    assert reports[-1][1].throughput_mbit_s[-1] == pytest.approx(GOOD[0], rel=0.05)


def test_no_news_no_report(link):
    link.feed(GOOD, 100)
    link.watch.tick(link.now_s + 6)
    assert link.watch.tick(link.now_s + 60) is None
    assert LinkWatch("board").tick(1e6) is None


def test_suspicion_asks_for_more(link):
    link.feed(GOOD, 40)
    assert not link.watch.suspicious
    link.feed(BAD, 1)
    assert link.watch.suspicious


def test_a_request_without_an_answer_is_a_strong_sign(link):
    link.feed(GOOD, 40)
    reports = [link.watch.timeout(link.now_s + index, BYTES, 1000.0) for index in range(3)]
    assert any(report is not None and report.changed and report.loss > 0 for report in reports)


def test_two_changes_in_a_row_wait_for_the_cool_down(link):
    link.feed(GOOD, 40)
    assert len(changed(link.feed(BAD, 10))) == 1
    assert not changed(link.feed(GOOD, 8))
    ((_, report),) = changed(link.feed(GOOD, 30))
    assert report.throughput_mbit_s[-1] == pytest.approx(GOOD[0], rel=0.1)


def test_a_change_is_confirmed_or_not_by_samples_of_its_own(link):
    """A second later, also when the link was worse for half a second only."""
    link.feed(GOOD, 400, step_s=0.01)
    assert any(changed(link.feed(BAD, 1, step_s=0.05)) for _ in range(10))
    assert not link.feed(BAD, 4, step_s=0.1)
    ((rounds, confirming),) = link.feed(GOOD, 100, step_s=0.01)
    assert not confirming.changed
    assert rounds * 0.01 == pytest.approx(FOLLOW_UP_S - 0.4, abs=0.05)
    assert confirming.throughput_mbit_s == pytest.approx((GOOD[0],) * len(confirming.throughput_mbit_s), rel=0.05)


def test_a_change_is_followed_by_reports_on_more_samples(link):
    """The first report of a change stands on few samples: the next two come within seconds, not periods."""
    link.feed(GOOD, 40)
    reports = link.feed(BAD, 40)
    start = next(index for index, (_, report) in enumerate(reports) if report.changed)
    first, *others = reports[start : start + 1 + FOLLOW_UPS]
    assert len(others) == FOLLOW_UPS
    for before, after in itertools.pairwise((first, *others)):
        assert (after[0] - before[0]) * 0.1 <= FOLLOW_UP_S + 0.2
        assert len(after[1].throughput_mbit_s) > len(before[1].throughput_mbit_s)


def test_what_is_timed_while_the_board_is_busy_tells_nothing_of_the_link():
    reporter = LinkReporter(LinkWatch("board"), lambda report: None)
    watch = reporter._watch
    with reporter.busy(), reporter.busy():
        reporter.transfer(1000, 500.0)
        reporter.ping(300.0)
    assert watch.estimator.samples == 0
    reporter.ping(5.0)
    reporter.transfer(1000, 8.0)
    before = watch.estimator.samples
    assert before
    with pytest.raises(ZeroDivisionError), reporter.busy():
        reporter.transfer(1000, 1 / 0)
    reporter.transfer(1000, 8.0)
    assert watch.estimator.samples > before
