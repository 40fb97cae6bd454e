"""What encodings cost is learnt from a few evaluations, and predicted for all."""

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.accuracy.coding_loss import Coded, CodingLoss

CUTS, ENCODINGS = 9, 6


def samples(count, seed=0, noise=0.0005):
    """Later cuts lose less, narrow encodings more, accurate cells most."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        shares = tuple(rng.dirichlet(np.ones(5)).tolist())
        cut, encoding = int(rng.integers(1, CUTS)), int(rng.integers(1, ENCODINGS))
        plain = float(rng.uniform(0.85, 0.92))
        loss = 0.01 * encoding * (1 - cut / CUTS) + 0.1 * (plain - 0.88)
        found.append(Coded(shares, cut, encoding, plain, plain - max(loss, 0.0) + float(noise * rng.normal())))
    return found


def test_it_predicts_what_it_has_not_seen():
    fitted = CodingLoss.fit(samples(400), CUTS, ENCODINGS)
    assert fitted.spearman > 0.95
    assert fitted.mean_error < 0.004
    assert "held-out" in str(fitted)
    unseen = samples(200, seed=1, noise=0.0)
    found = [
        float(fitted.predict(np.asarray([one.shares]), np.asarray([one.plain]))[0, one.cut, one.encoding])
        for one in unseen
    ]
    assert np.abs(np.asarray(found) - [one.accuracy for one in unseen]).mean() < 0.004


def test_nothing_gains_by_being_encoded():
    fitted = CodingLoss.fit(samples(100), CUTS, ENCODINGS)
    plain = np.linspace(0, 1, 50)
    found = fitted.predict(np.tile([0.5, 0, 0, 0.5, 0], (50, 1)), plain)
    assert found.shape == (50, CUTS, ENCODINGS)
    assert (found <= plain[:, None, None]).all()
    assert (found >= 0).all()


def test_too_few_are_refused():
    with pytest.raises(InputError, match="too few"):
        CodingLoss.fit(samples(19), CUTS, ENCODINGS)
