"""Predictions carried towards what deployed candidates really took."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.candidate import INT8, Candidate
from nasc_sdk.cost.model import Z95
from nasc_search.joint.coding import Coding
from nasc_search.joint.in_service import MAX_SERVED, Served, ServedLog, corrected
from tests.joint.tables import random_table


@pytest.fixture
def table():
    return random_table(np.random.default_rng(0))


def served(table, row, cut, *, slope=1.0, offset=0.0, spread=1.0, rest=0.15):
    """An observation of a board that is slower by ``slope`` and ``offset``."""

    def times(medians, spreads, extra):
        p50 = slope * (medians[row, cut] + extra) + offset
        return float(p50), float(p50 + Z95 * spread * spreads[row, cut])

    return Served(
        Candidate(table.archs[row], cut, INT8),
        times(table.head_ms, table.head_sd_ms, 0.0),
        times(table.tail_ms, table.tail_sd_ms, table.overheads.decode_ms),
        rest,
    )


def log_of(*entries):
    log = ServedLog()
    for entry in entries:
        log = log.with_entry(entry)
    return log


def test_nothing_served_nothing_changed(table):
    assert corrected(table, ServedLog()) is table


def test_served_as_predicted_changes_little(table):
    log = log_of(*(served(table, row, cut) for row, cut in ((3, 2), (7, 4), (9, 5), (11, 1))))
    found = corrected(table, log)
    assert found.head_ms == pytest.approx(table.head_ms, rel=0.01, abs=0.01)
    assert found.head_sd_ms == pytest.approx(table.head_sd_ms, rel=0.05, abs=0.02)
    assert found.tail_ms[:, :-1] == pytest.approx(table.tail_ms[:, :-1] + table.overheads.decode_ms, abs=0.01)


def test_what_its_encoding_adds_is_no_news_of_the_blocks():
    cut, code, added, entries = 3, 1, ((0.5, 0.2), (0.25, 0.1)), []
    table = random_table(np.random.default_rng(0), encodings=2)
    taken = [value * np.ones(table.legal.shape) * (0, 1) for side in added for value in side]
    table = replace(table, coding=Coding(*taken, table.coding.arena_bytes, table.coding.flash_bytes))
    for row in (3, 7, 9, 11):
        plain = served(table, row, cut)
        head, tail = (
            (p50 + ms, p50 + ms + float(np.hypot(p95 - p50, Z95 * sd)))
            for (p50, p95), (ms, sd) in zip((plain.head_ms, plain.tail_ms), added, strict=True)
        )
        candidate = replace(plain.candidate, encoding=table.encodings[code])
        entries.append((plain, replace(plain, candidate=candidate, head_ms=head, tail_ms=tail)))
    without, with_coding = (corrected(table, log_of(*each)) for each in zip(*entries, strict=True))
    for name in ("head_ms", "head_sd_ms", "tail_ms", "tail_sd_ms"):
        assert getattr(with_coding, name) == pytest.approx(getattr(without, name))


def test_a_slower_board_is_predicted_slower(table):
    rows = [row for row in range(25) if table.head_ms[row, 3] > 1][:6]
    log = log_of(*(served(table, row, 3, slope=1.1, offset=0.05, spread=3.0) for row in rows))
    found = corrected(table, log)
    big = table.head_ms > 3
    assert found.head_ms[big] / table.head_ms[big] == pytest.approx(1.1, abs=0.03)
    assert np.median(found.head_sd_ms[big] / table.head_sd_ms[big]) == pytest.approx(3.0, rel=0.3)


def test_steady_answers_do_not_promise_more_than_the_profile(table):
    small = np.unravel_index(table.head_ms[:, 1].argmin(), table.head_ms[:, 1].shape)[0]
    found = corrected(table, log_of(*[served(table, small, 1, spread=0.1)] * 4))
    assert (found.head_sd_ms >= table.head_sd_ms).all()


def test_a_small_head_says_little_about_large_ones(table):
    """Half a millisecond more on a head of half a millisecond does not double heads of ten."""
    small = replace(table, head_ms=np.where(table.head_ms > 0, table.head_ms + 0.3, 0.0))
    row = int(small.head_ms[:, 1].argmin())
    found = corrected(small, log_of(served(small, row, 1, offset=0.2)))
    large = small.head_ms > 8
    assert large.any()
    assert (found.head_ms[large] / small.head_ms[large] < 1.08).all()
    assert found.head_ms[row, 1] > small.head_ms[row, 1] + 0.1


def test_ends_keep_their_zeros(table):
    found = corrected(table, log_of(served(table, 3, 2, slope=1.2, offset=0.5)))
    assert not found.head_ms[:, 0].any()
    assert not found.tail_ms[:, -1].any()
    assert not found.tail_sd_ms[:, -1].any()


def test_the_rest_of_a_request_is_learned(table):
    found = corrected(table, log_of(*(served(table, row, 2, rest=0.8) for row in range(5))))
    assert found.overheads.total_ms == pytest.approx(0.8, abs=0.05)


def test_all_local_says_nothing_about_tails(table):
    found = corrected(table, log_of(served(table, 3, 5, slope=1.3)))
    assert found.tail_ms[:, :-1] == pytest.approx(table.tail_ms[:, :-1] + table.overheads.decode_ms)


def test_strangers_are_left_out(table):
    stranger = Served(Candidate("unheard of", 2, INT8), (1.0, 2.0), (1.0, 2.0), 0.1)
    beyond = Served(Candidate(table.archs[0], 99, INT8), (1.0, 2.0), (1.0, 2.0), 0.1)
    assert corrected(table, log_of(stranger, beyond)) is table


def test_the_log_is_bounded(table):
    log = log_of(*(served(table, row % 25, 2) for row in range(3 * MAX_SERVED)))
    assert len(log.entries) == MAX_SERVED


def test_a_candidate_that_missed_the_limit_is_not_proposed_again_because_others_are_steady(table):
    """Its own spread counts, whatever the average of all observations is."""
    wild = next(row for row in range(25) if table.head_ms[row, 4] > 6)
    calm = [row for row in range(25) if 2 < table.head_ms[row, 4] < 6][:4]
    log = log_of(*(served(table, row, 4) for row in calm), served(table, wild, 4, spread=4.0))
    found = corrected(table, log)
    assert found.head_sd_ms[wild, 4] >= 3.9 * table.head_sd_ms[wild, 4]


def test_a_candidate_that_missed_the_limit_twice_does_not_look_feasible_for_what_it_did_before(table):
    row = int(table.head_ms[:, 5].argmax())
    before, slower = served(table, row, 5), served(table, row, 5, slope=1.5)
    missed_ms = slower.head_ms[1]

    def p95_ms(log):
        found = corrected(table, log)
        return found.head_ms[row, 5] + Z95 * found.head_sd_ms[row, 5]

    assert p95_ms(log_of(*[before] * 8, slower)) < 0.9 * missed_ms
    assert p95_ms(log_of(*[before] * 8, slower, slower)) >= 0.999 * missed_ms
    assert p95_ms(log_of(*[before] * 8, slower, before)) < 0.9 * missed_ms


def test_what_disturbs_a_small_head_is_added_to_a_large_one_not_multiplied(table):
    small, large = int(table.head_ms[:, 1].argmin()), int(table.head_ms[:, 5].argmax())
    entry = served(table, small, 1, spread=4.0)
    found = corrected(table, log_of(*[entry] * 3))
    seen = (entry.head_ms[1] - entry.head_ms[0]) / Z95
    assert found.head_sd_ms[small, 1] >= 0.99 * seen
    assert found.head_sd_ms[large, 5] <= 4.0 * table.head_sd_ms[large, 5]


def test_its_own_observations_count_more_than_a_small_heads(table):
    """Half a millisecond more on a small head is not added to a large one that was as fast as predicted."""
    row, large = int(table.head_ms[:, 1].argmin()), int(table.head_ms[:, 5].argmax())
    small = [served(table, row, 1, offset=0.4)] * 4
    before = corrected(table, log_of(*small)).head_ms[large, 5]
    after = corrected(table, log_of(*small, *[served(table, large, 5)] * 2)).head_ms[large, 5]
    assert after == pytest.approx(table.head_ms[large, 5], rel=0.02)
    assert abs(after - table.head_ms[large, 5]) < 0.5 * abs(before - table.head_ms[large, 5])


def test_a_candidate_of_its_own_kind_is_predicted_as_it_was(table):
    log = log_of(*[served(table, 3, 5, slope=1.4)] * 6, *(served(table, row, 5) for row in (5, 7, 9, 11, 13)))
    found = corrected(table, log)
    assert found.head_ms[3, 5] == pytest.approx(1.4 * table.head_ms[3, 5], rel=0.12)
    assert table.head_ms[15, 5] < found.head_ms[15, 5] < 1.1 * table.head_ms[15, 5]


def test_networks_that_are_one_are_corrected_as_one(table):
    """Else the service goes from one name of a network that is too slow to the next."""
    twins = replace(table, head_ms=np.where(np.arange(25)[:, None] == 4, table.head_ms[3], table.head_ms))
    found = corrected(twins, log_of(*[served(twins, 4, 5, slope=1.4)] * 3))
    assert found.head_ms[4, 5] == found.head_ms[3, 5] > 1.2 * twins.head_ms[3, 5]


def test_twins_that_were_both_served_are_corrected_once(table):
    twins = replace(table, head_ms=np.where(np.arange(25)[:, None] == 4, table.head_ms[3], table.head_ms))
    both = log_of(*[served(twins, row, 5, slope=1.4) for row in (3, 4, 3, 4)])
    one = log_of(*[served(twins, 3, 5, slope=1.4)] * 4)
    assert corrected(twins, both).head_ms == pytest.approx(corrected(twins, one).head_ms)
