import numpy as np
import pytest

from nasc_search.accuracy.ranking import kendall, ranks, spearman


def test_ties_share_their_mean_rank():
    assert ranks([3.0, 1.0, 3.0, 2.0]).tolist() == [2.5, 0.0, 2.5, 1.0]


def test_known_values():
    a, b = [1, 2, 3, 4, 5], [2, 1, 4, 3, 5]
    assert spearman(a, b) == pytest.approx(0.8)
    assert kendall(a, b) == pytest.approx(0.6)
    # tau-b: 1 concordant pair of 3, one tied on the right.
    assert kendall([1, 2, 3], [1, 1, 2]) == pytest.approx(2 / np.sqrt(6))


def test_bounds_and_constants():
    rng = np.random.default_rng(0)
    x = rng.normal(size=50)
    for correlation in (spearman, kendall):
        assert correlation(x, np.exp(x)) == pytest.approx(1.0)
        assert correlation(x, -x) == pytest.approx(-1.0)
        assert correlation(x, np.ones(50)) == 0.0
        assert correlation([1.0], [1.0]) == 0.0
