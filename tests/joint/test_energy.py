"""Energy by hand, and what must hold whatever the board."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.link.link import Link
from nasc_sdk.profiling.profile import UNKNOWN_BOARD, Power, PowerOrigin
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.energy import energy_mj
from nasc_search.joint.scored import score
from nasc_search.joint.table import Overheads
from tests.joint.tables import random_link, random_table, slow_energy

METER = Power(2.0, 5.0, "a meter", 9, PowerOrigin.MEASURED)


def by_hand():
    """One architecture, three cuts; 1000 bytes over 8 Mbit/s take 1 ms, the round trip 3 ms."""
    table = random_table(np.random.default_rng(0), archs=1, cuts=3)
    return replace(
        table,
        head_ms=np.asarray([[0.0, 4.0, 10.0]]),
        tail_ms=np.asarray([[3.0, 2.0, 0.0]]),
        payload_bytes=np.asarray([[2000], [1000], [9999]]),
        overheads=Overheads(encode_ms=0.5, decode_ms=0.25, reply_ms=0.75),
        power=METER,
    )


def test_by_hand():
    found = energy_mj(by_hand(), Link.fixed(8.0, 3.0))
    # All-edge: 0.5 ms at 5 W, then 5 + 3 + 1 ms at 2 W. Split: 4.5 ms, then 4 + 2 + 1. All-local: 10 ms at 5 W.
    assert found[0, :, 0] == pytest.approx([2.5 + 18.0, 22.5 + 14.0, 50.0])


def test_a_candidate_has_the_same_energy_to_the_last_bit():
    rng = np.random.default_rng(1)
    for _ in range(10):
        table, link = replace(random_table(rng, encodings=2), power=METER), random_link(rng)
        every = energy_mj(table, link)
        for row, cut, code in zip(*np.nonzero(np.isfinite(every)), strict=True):
            at = int(row), int(cut), int(code)
            assert score(table, link, Constraints(9.0), *at).energy_mj == every[at]
            assert every[at] == pytest.approx(slow_energy(table, link, *at))


def test_what_does_not_exist_has_no_energy():
    table = random_table(np.random.default_rng(2), encodings=2)
    found = energy_mj(table, Link.fixed(8.0, 3.0))
    assert np.array_equal(np.isfinite(found), np.broadcast_to(table.legal, found.shape))


def test_more_time_never_costs_less():
    rng = np.random.default_rng(3)
    for _ in range(20):
        table, link = random_table(rng), random_link(rng)
        busy = rng.uniform(0.1, 9)
        table = replace(table, power=Power(rng.uniform(0, busy), busy, "random"))
        before = energy_mj(table, link)
        slower = replace(table, head_ms=table.head_ms + rng.uniform(0, 3, table.head_ms.shape))
        assert (energy_mj(slower, link) >= before).all()
        assert (energy_mj(replace(table, tail_ms=2 * table.tail_ms), link) >= before).all()
        worse = Link(tuple(speed / 2 for speed in link.throughput_mbit_s), tuple(2 * t for t in link.round_trip_ms))
        assert (energy_mj(table, worse) >= before).all()
        assert np.array_equal(energy_mj(table, worse)[:, -1], before[:, -1]), "all-local pays no link"


def test_the_order_hangs_on_the_ratio_of_the_watts_alone():
    table, link = random_table(np.random.default_rng(4)), Link.fixed(8.0, 3.0)
    twice = replace(UNKNOWN_BOARD, idle_w=2 * UNKNOWN_BOARD.idle_w, busy_w=2 * UNKNOWN_BOARD.busy_w)
    assert energy_mj(replace(table, power=twice), link) == pytest.approx(2 * energy_mj(table, link))
