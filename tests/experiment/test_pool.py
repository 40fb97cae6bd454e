"""The vectorised search against loops over every candidate of small random tables."""

import numpy as np
import pytest

from nasc_sdk.candidate import CutEncoding
from nasc_search.experiment.apportion import Apportioned
from nasc_search.experiment.coding import Coding
from nasc_search.experiment.plan import Setting
from nasc_search.experiment.pool import PERFECT, LinkState, Pool, pareto
from nasc_search.experiment.strategies import Contest, Strategy

ARCHS, CUTS, FORMS = 25, 6, 3
FIXED_CUT = 2


def shares(rng, scale):
    total = rng.uniform(0.2, 1, ARCHS) * scale
    inner = np.sort(rng.uniform(size=(ARCHS, CUTS - 2)), axis=1)
    share = np.column_stack([np.zeros(ARCHS), inner, np.ones(ARCHS)])
    head = total[:, None] * share
    return Apportioned(head, total[:, None] - head)


def world(seed):
    rng = np.random.default_rng(seed)
    lost = rng.choice([0.0, 0.3, 0.5, 1.2, np.inf], (CUTS, FORMS))
    lost[:, 0] = 0
    lost[[0, -1], 1:] = np.inf
    payload = rng.integers(50, 20_000, (CUTS, FORMS)).astype(float)
    payload[-1] = 0
    board, server = rng.uniform(0, 0.5, (2, CUTS, FORMS))
    board[-1] = server[-1] = 0
    coding = Coding(((CutEncoding(),) * FORMS,) * CUTS, lost, payload, board, server)
    # Few distinct values: ties are where such a search goes wrong.
    accuracy = rng.integers(180, 190, ARCHS) / 2
    board_side, server_side = shares(rng, 50), shares(rng, 5)
    return Pool.build(accuracy, board_side, server_side, np.arange(ARCHS)), coding, accuracy, board_side, server_side


def every(coding, accuracy, board, server, link, cuts, forms):
    """(latency, accuracy, arch, cut, form) of all candidates, as the design writes their latency."""
    for arch in range(ARCHS):
        for cut in cuts:
            for form in forms:
                if not np.isfinite(coding.points_lost[cut, form]):
                    continue
                time = board.head_ms[arch, cut] + coding.board_ms[cut, form]
                if cut < CUTS - 1:
                    time += coding.payload_bytes[cut, form] * 8 / (link.throughput_mbit_s * 1e6) * 1e3
                    time += link.round_trip_ms
                time += coding.server_ms[cut, form] + server.tail_ms[arch, cut]
                yield time, accuracy[arch] - coding.points_lost[cut, form], arch, cut, form


LINKS = [LinkState(0.5, 100), LinkState(2, 20), LinkState(8, 5), LinkState(100, 2), LinkState(30, 0.1)]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("raw_stays", [True, False])
@pytest.mark.parametrize("with_encodings", [True, False])
def test_joint_search_equals_a_loop_over_all(seed, raw_stays, with_encodings):
    pool, coding, *tables = world(seed)
    contest = Contest.build(pool, coding, Setting(raw_stays, with_encodings), FIXED_CUT)
    forms = range(FORMS if with_encodings else 1)
    for link in LINKS:
        front = contest.joint.front(link)
        points = list(every(coding, *tables, link, range(int(raw_stays), CUTS), forms))
        for floor in np.unique([point[1] for point in points]):
            best = min(point[0] for point in points if point[1] >= floor)
            assert front.latency_ms[front.fastest(floor)] == pytest.approx(best, rel=1e-12)
        for limit_ms in (1.0, 8.0, 20.0, 60.0):
            within = [point[1] for point in points if point[0] <= limit_ms]
            place = front.most_accurate(limit_ms)
            assert (None if place is None else front.accuracy_percent[place]) == (max(within) if within else None)
        assert front.fastest(max(point[1] for point in points) + 0.1) is None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("raw_stays", [True, False])
def test_baselines_equal_loops(seed, raw_stays):
    pool, coding, accuracy, board, server = world(seed)
    contest = Contest.build(pool, coding, Setting(raw_stays, True), FIXED_CUT)
    whole = board.head_ms[:, -1]
    for link in LINKS:
        for limit_ms in (12.0, 30.0, 60.0):
            able = [arch for arch in range(ARCHS) if whole[arch] <= limit_ms]
            if not able:
                assert contest.operating(Strategy.HWNAS_LOCAL, link, limit_ms, 0.5) is None
                continue
            own = min(able, key=lambda arch: (-accuracy[arch], whole[arch]))
            local = contest.operating(Strategy.HWNAS_LOCAL, link, limit_ms, 0.5)
            assert (local.accuracy_percent, local.latency_ms) == (accuracy[own], whole[own])
            traded = contest.operating(Strategy.HWNAS_TRADED, link, limit_ms, 0.5)
            assert traded.latency_ms == min(whole[accuracy >= accuracy[own] - 0.5])
            points = list(every(coding, accuracy, board, server, link, range(int(raw_stays), CUTS), range(FORMS)))
            split = contest.operating(Strategy.HWNAS_SPLIT, link, limit_ms, 0.5)
            allowed = [p for p in points if p[2] == own and p[1] >= accuracy[own] - 0.5]
            assert split.latency_ms == pytest.approx(min(p[0] for p in allowed))
            best = min(range(ARCHS), key=lambda arch: (-accuracy[arch], whole[arch]))
            surgeon = contest.operating(Strategy.NEUROSURGEON, link, limit_ms, 0.0)
            allowed = [p for p in points if p[2] == best and p[1] >= accuracy[best]]
            assert surgeon.latency_ms == pytest.approx(min(p[0] for p in allowed))
            for strategy, cut in ((Strategy.ALL_EDGE, 0), (Strategy.FIXED_CUT, FIXED_CUT)):
                found = contest.operating(strategy, link, limit_ms, 0.0)
                within = [p for p in every(coding, accuracy, board, server, link, [cut], [0]) if p[0] <= limit_ms]
                if not within or (cut == 0 and raw_stays):
                    assert found is None
                else:
                    assert found.accuracy_percent == max(p[1] for p in within)
                    assert found.latency_ms == pytest.approx(
                        min(p[0] for p in within if p[1] == found.accuracy_percent)
                    )


def test_nothing_over_the_link_below_its_round_trip():
    pool, coding, *_ = world(0)
    contest = Contest.build(pool, coding, Setting(False, True), FIXED_CUT)
    front = contest.joint.front(LinkState(100, 40))
    assert set(front.cut[front.latency_ms <= 40].tolist()) == {CUTS - 1}
    assert contest.operating(Strategy.ALL_EDGE, LinkState(100, 40), 39.0, 0.0) is None


def test_a_perfect_link_is_never_slower():
    pool, coding, *_ = world(1)
    joint = Contest.build(pool, coding, Setting(True, True), FIXED_CUT).joint
    for link in LINKS:
        assert (joint.latency_ms(PERFECT) <= joint.latency_ms(link)).all()


def test_of_equals_the_first_is_kept():
    assert pareto(np.array([1.0, 1.0, 2.0, 2.0, 0.5]), np.array([3.0, 3.0, 5.0, 4.0, 9.0])).tolist() == [0, 3]
