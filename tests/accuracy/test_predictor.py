import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.accuracy.cell_features import PATHS, edge_features, live_ops, path_features
from nasc_search.accuracy.predictor import AccuracyPredictor
from nasc_search.accuracy.ranking import spearman
from nasc_search.spaces.nb201 import EDGES, is_connected

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(os.environ.get("NASC_SHARED_DATA", ROOT.parent / "shared" / "data")) / "nb201_accuracy.npz"


def cells(count, seed):
    rng = np.random.default_rng(seed)
    ops = rng.integers(0, 5, (4 * count, 6))
    return ops[[is_connected(row) for row in ops]][:count]


def made_up_accuracy(ops, seed=0):
    """Any function of the live operators."""
    live = live_ops(ops)
    gain = np.asarray([0.0, 0.2, 0.8, 1.0, 0.1])[live].sum(axis=1) / 6
    noise = np.random.default_rng(seed).normal(0, 0.002, len(ops))
    return np.clip(0.5 + 0.4 * np.tanh(2 * gain) + noise, 0, 1)


def test_paths_lead_from_input_to_output():
    for path in PATHS:
        edges = [EDGES[edge] for edge in path]
        assert edges[0][0] == 0
        assert edges[-1][1] == 3
        assert all(first[1] == second[0] for first, second in pairwise(edges))


def test_dead_edges_do_not_count():
    # Edge 0->1 leads into node 1, which nothing leaves.
    dead = np.asarray([[3, 1, 0, 3, 0, 2], [0, 1, 0, 3, 0, 2]])
    assert live_ops(dead).tolist() == [dead[1].tolist()] * 2
    assert np.array_equal(*path_features(dead))
    assert edge_features(dead).shape == (2, 30 + 15 * 25)


def test_disconnected_cells_have_no_live_operator():
    ops = np.asarray([[3, 0, 0, 0, 0, 3]])
    assert not live_ops(ops).any()
    assert np.isfinite(path_features(ops)).all()


def test_learns_a_made_up_function_and_reports_honestly():
    train, test = cells(150, 1), cells(600, 2)
    predictor = AccuracyPredictor.fit(train, made_up_accuracy(train))
    predicted, true = predictor.predict(test), made_up_accuracy(test, 3)
    assert spearman(predicted, true) > 0.9
    assert predictor.report.samples == 150
    assert predictor.report.spearman == pytest.approx(spearman(predicted, true), abs=0.08)
    assert predictor.report.mean_error < 0.03
    assert "150 held-out sub-networks" in str(predictor.report)


def test_samples_choose_between_sums_and_what_like_cells_have_in_common():
    """Of a function of edges alone, and of one that three edges only tell together."""
    train, test = cells(400, 5), cells(400, 6)
    together = np.random.default_rng(7).normal(0, 0.05, (5, 5, 5))

    def accuracy(ops):
        live = live_ops(ops)
        return np.clip(made_up_accuracy(ops) + together[live[:, 0], live[:, 2], live[:, 5]], 0, 1)

    assert not AccuracyPredictor.fit(cells(60, 5), made_up_accuracy(cells(60, 5))).near
    predictor = AccuracyPredictor.fit(train, accuracy(train))
    assert predictor.near
    assert spearman(predictor.predict(test), accuracy(test)) > 0.8


def test_the_same_seed_gives_the_same_predictor():
    ops = cells(60, 4)
    first, again = (AccuracyPredictor.fit(ops, made_up_accuracy(ops), seed=3) for _ in range(2))
    assert np.array_equal(first.predict(ops), again.predict(ops))
    assert first.report == again.report


@pytest.mark.parametrize(
    ("ops", "accuracy"),
    [
        (np.zeros((5, 6), int), np.full(5, 0.5)),
        (np.zeros((20, 5), int), np.full(20, 0.5)),
        (np.zeros((20, 6), int), np.full(19, 0.5)),
        (np.zeros((20, 6), int), np.full(20, 85.0)),
        (np.zeros((20, 6), int), np.full(20, np.nan)),
        (np.full((20, 6), 5), np.full(20, 0.5)),
    ],
)
def test_unusable_samples_are_refused(ops, accuracy):
    with pytest.raises(InputError):
        AccuracyPredictor.fit(ops, accuracy)


def test_constant_accuracy_is_predicted_constant():
    ops = cells(30, 5)
    assert AccuracyPredictor.fit(ops, np.full(30, 0.7)).predict(ops) == pytest.approx(np.full(30, 0.7))


@pytest.mark.skipif(not TABLE.exists(), reason="shared data not present")
@pytest.mark.parametrize("key", ["cifar10_test_200", "cifar100_test_200"])
def test_ranks_the_benchmark_from_200_samples(key):
    with np.load(TABLE) as table:
        ops, accuracy = table["ops"].astype(int), table[key].astype(float) / 100
    connected = np.flatnonzero([is_connected(row) for row in ops])
    train = np.random.default_rng(0).choice(connected, 200, replace=False)
    test = np.setdiff1d(connected, train)
    predictor = AccuracyPredictor.fit(ops[train], accuracy[train])
    assert spearman(predictor.predict(ops[test]), accuracy[test]) > 0.93
    assert abs(predictor.predict(ops[test]) - accuracy[test]).mean() < 0.02
