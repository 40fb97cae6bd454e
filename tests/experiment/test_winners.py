"""Networks of layers that can win, against every network of four layers."""

import itertools

import numpy as np
import pytest

from nasc_sdk.candidate import CutEncoding
from nasc_search.experiment.anatomy import anatomy_of
from nasc_search.experiment.apportion import OF_LAYERS, constant_share
from nasc_search.experiment.coding import Coding
from nasc_search.experiment.plan import SETTINGS
from nasc_search.experiment.pool import PERFECT, LinkState, Pool
from nasc_search.experiment.strategies import Contest, Strategy
from nasc_search.experiment.winners import LayerTimes, names_of, winners
from nasc_search.measured.entry import Entry
from nasc_search.measured.layer_table import read_layer_table
from nasc_search.measured.npz import SpaceName
from tests.experiment.worlds import write_layers

LAYERS, CHOICES, FORMS, FIXED_CUT = 4, 9, 3, 3
CUTS = LAYERS + 3
LINKS = (LinkState(0.5, 60), LinkState(3, 20), LinkState(12, 4), LinkState(80, 1), PERFECT)
EVERY = np.array(list(itertools.product(range(CHOICES), repeat=LAYERS)))


def times(rng, scale):
    return LayerTimes(0.3 * scale, scale * rng.uniform(0.1, 1, (LAYERS, CHOICES)), 0.2 * scale)


def coding(rng):
    lost = rng.choice([0.0, 0.2, 0.6, np.inf], (CUTS, FORMS))
    lost[:, 0] = 0
    lost[[0, -1], 1:] = np.inf
    payload = rng.integers(50, 20_000, (CUTS, FORMS)).astype(float)
    board, server = rng.uniform(0, 0.5, (2, CUTS, FORMS))
    payload[-1] = board[-1] = server[-1] = 0
    return Coding(((CutEncoding(),) * FORMS,) * CUTS, lost, payload, board, server)


def pool_of(codes, board, server, score):
    percent = 60 + score[np.arange(LAYERS), codes].sum(axis=1)
    return Pool.build(percent, board.shares(codes), server.shares(codes), names_of(codes))


def points(front):
    return None if front is None else (front.latency_ms, front.accuracy_percent)


@pytest.mark.parametrize("seed", range(4))
def test_every_strategy_finds_what_it_finds_among_all_networks(seed):
    rng = np.random.default_rng(seed)
    board, server, code = times(rng, 10.0), times(rng, 1.5), coding(rng)
    score = rng.uniform(0, 5, (LAYERS, CHOICES))
    codes = winners(board.layers_ms, server.layers_ms, score)
    assert len(codes) == len(set(names_of(codes).tolist())) < len(EVERY) / 4
    few, every = pool_of(codes, board, server, score), pool_of(EVERY, board, server, score)
    for setting in SETTINGS:
        found, wanted = (Contest.build(pool, code, setting, FIXED_CUT) for pool in (few, every))
        for link, strategy in itertools.product(LINKS, Strategy):
            one, other = points(found.front(strategy, link)), points(wanted.front(strategy, link))
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_allclose(one, other, rtol=1e-9)
            if strategy is Strategy.NASC:
                continue
            for limit_ms, lost in itertools.product((8.0, 20.0, 45.0), (0.0, 0.5)):
                works = [contest.operating(strategy, link, limit_ms, lost) for contest in (found, wanted)]
                assert (works[0] is None) == (works[1] is None)
                if works[0] is not None:
                    assert works[0].latency_ms == pytest.approx(works[1].latency_ms)
                    assert works[0].accuracy_percent == pytest.approx(works[1].accuracy_percent)
                    assert few.names[works[0].row] == every.names[works[1].row]


def test_what_all_networks_have_in_common_changes_none_of_the_winners():
    rng = np.random.default_rng(9)
    board, server, score = (rng.uniform(0, 1, (LAYERS, CHOICES)) for _ in range(3))
    moved = rng.uniform(0, 3, (2, LAYERS, 1))
    plain, shifted = (
        names_of(winners(board + add, server + more, score)).tolist() for add, more in ((0, 0), (moved[0], moved[1]))
    )
    assert plain == shifted


def test_heads_and_tails_add_up_to_the_total_whichever_way_the_constant_falls(tmp_path):
    write_layers(tmp_path)
    table, anatomy = read_layer_table(Entry(tmp_path / "lut.json", "board")), anatomy_of(SpaceName.FBNET)
    codes = np.random.default_rng(1).integers(0, CHOICES, (50, 22))
    for how in OF_LAYERS:
        shares = LayerTimes.of(anatomy, table, how, 2.0).shares(codes)
        assert shares.head_ms.shape == (50, len(anatomy.cuts))
        np.testing.assert_allclose(shares.head_ms + shares.tail_ms, np.tile(2 * table.total_ms(codes), (25, 1)).T)
        assert (shares.head_ms[:, 0] == 0).all()
        assert (np.diff(shares.head_ms) >= 0).all()
        assert (shares.tail_ms[:, -1] == 0).all()
        assert constant_share(anatomy, how).sum() == pytest.approx(1)
    stem, head = (LayerTimes.of(anatomy, table, how, 1.0).shares(codes) for how in OF_LAYERS[-2:])
    np.testing.assert_allclose(stem.head_ms[:, 1], table.constant_ms)
    np.testing.assert_allclose(head.tail_ms[:, -2], table.constant_ms)
