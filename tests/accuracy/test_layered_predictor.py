"""Additive and full predictions of layered spaces against made-up truths, with samples held out."""

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.accuracy.layered_predictor import LayeredPredictor
from nasc_search.accuracy.ranking import spearman
from nasc_search.measured.fbnet import LAYERS, OPS, TRAITS
from nasc_search.spaces.fbnet import CIFAR, FBNetMacro, FBNetSpace

FBNET = (len(OPS),) * LAYERS
BY_OPERATOR = np.array([0.3, 0.25, 0.7, 0.9, 0.35, 0.3, 0.8, 1.0, 0.0])


def draw(count, seed, sizes=FBNET):
    return np.random.default_rng(seed).integers(0, sizes, (count, len(sizes)))


def gains(sizes=FBNET):
    rng = np.random.default_rng(7)
    each = BY_OPERATOR[np.arange(max(sizes)) % len(BY_OPERATOR)]
    return (0.5 + rng.random(len(sizes)))[:, None] * each + 0.15 * rng.normal(size=(len(sizes), max(sizes)))


def additive(codes, sizes=FBNET):
    """Accuracy whose target is a sum over layers."""
    total = gains(sizes)[np.arange(codes.shape[1]), codes].sum(axis=1) / len(sizes)
    return 1.01 - np.exp(-(0.5 + 3 * total))


def interacting(codes):
    """A stage whose layers all do little spoils what the others do; more than enough in it gains nothing."""
    each = BY_OPERATOR[codes[:, 1:21]].reshape(len(codes), 5, 4).sum(axis=2)
    return 0.9 * np.prod(1 - np.exp(-1.5 * each), axis=1)


@pytest.mark.parametrize("sizes", [FBNET, (3, 9, 1, 5, 9, 2, 7)])
def test_an_additive_truth_is_found_layer_by_layer(sizes):
    codes, unseen = draw(250, 0, sizes), draw(1000, 1, sizes)
    noise = np.random.default_rng(2).normal(0, 0.002, len(codes))
    predictor = LayeredPredictor.fit(codes, additive(codes, sizes) + noise, sizes)
    assert spearman(predictor.additive(unseen), additive(unseen, sizes)) > 0.98
    assert spearman(predictor.predict(unseen), additive(unseen, sizes)) > 0.98
    assert np.abs(predictor.predict(unseen) - additive(unseen, sizes)).mean() < 0.01
    legal = np.arange(max(sizes)) < np.array(sizes)[:, None]
    np.testing.assert_array_equal(np.isfinite(predictor.score), legal)
    for layer, size in enumerate(sizes):
        if size > 1:
            truth, found = 3 * gains(sizes)[layer, :size] / len(sizes), predictor.score[layer, :size]
            np.testing.assert_allclose(found - found.mean(), truth - truth.mean(), atol=0.05)


def test_what_does_not_add_up_is_the_full_predictions_part():
    codes, unseen = draw(250, 3), draw(2000, 4)
    predictor = LayeredPredictor.fit(codes, interacting(codes), FBNET, traits=TRAITS)
    full, alone = (spearman(found(unseen), interacting(unseen)) for found in (predictor.predict, predictor.additive))
    assert full > alone + 0.015
    assert full > 0.83
    assert predictor.report.spearman > predictor.additive_report.spearman


def test_the_reports_are_those_of_unseen_networks():
    codes, unseen = draw(150, 5), draw(3000, 6)
    noise = np.random.default_rng(8).normal(0, 0.01, len(codes))
    predictor = LayeredPredictor.fit(codes, np.clip(interacting(codes) + noise, 0, 1), FBNET)
    seen = np.clip(interacting(unseen) + np.random.default_rng(9).normal(0, 0.01, len(unseen)), 0, 1)
    for report, found in (
        (predictor.report, predictor.predict(unseen)), (predictor.additive_report, predictor.additive(unseen))
    ):  # fmt: skip
        assert report.samples == 150
        assert report.spearman == pytest.approx(spearman(found, seen), abs=0.12)
        assert report.mean_error == pytest.approx(np.abs(found - seen).mean(), rel=0.25)


def test_noise_is_not_ranked():
    codes = draw(120, 10)
    report = LayeredPredictor.fit(codes, np.random.default_rng(11).uniform(0.5, 0.9, 120), FBNET).report
    assert report.spearman < 0.2


def test_a_choice_that_no_sample_has_gets_what_others_like_it_have():
    codes = draw(300, 12)
    codes[:, 9][codes[:, 9] == 3] = 8
    score = LayeredPredictor.fit(codes, additive(codes), FBNET, traits=TRAITS).score[9]
    assert np.isfinite(score).all()
    # It is one of the two heaviest operators.
    assert score[8] < score[3] <= score.max()


def test_the_same_seed_gives_the_same_predictor():
    codes = draw(60, 13)
    first, again = (LayeredPredictor.fit(codes, additive(codes), FBNET, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.score, again.score)
    np.testing.assert_array_equal(first.predict(codes), again.predict(codes))
    assert first.report == again.report


def test_constant_accuracy_is_predicted_constant():
    codes = draw(30, 14)
    predictor = LayeredPredictor.fit(codes, np.full(30, 0.7), FBNET)
    assert predictor.predict(codes) == pytest.approx(np.full(30, 0.7))
    assert predictor.score == pytest.approx(np.zeros((LAYERS, len(OPS))))
    assert predictor.report.spearman == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codes": draw(9, 0), "accuracy": np.full(9, 0.5)}, "too few"),
        ({"accuracy": np.full(19, 0.5)}, "not one for each of 20"),
        ({"accuracy": np.full(20, 85.0)}, "0..1"),
        ({"accuracy": np.full(20, np.nan)}, "0..1"),
        ({"codes": draw(20, 0)[:, 1:]}, r"not \[n, 22\]"),
        ({"codes": draw(20, 0).astype(float)}, "whole numbers"),
        ({"codes": np.full((20, LAYERS), 9)}, "choice 9 at layer 0 of network 0 is not among 0 to 8"),
        ({"codes": np.full((20, LAYERS), -1)}, "choice -1"),
        ({"sizes": ()}, "no numbers of choices"),
        ({"sizes": (9,) * 21 + (0,)}, "no numbers of choices"),
        ({"traits": [[1.0]] * 8}, "9 choices"),
        ({"traits": [[np.nan]] * 9}, "9 choices"),
    ],
)
def test_unusable_samples_are_refused(change, said):
    given = {"codes": draw(20, 0), "accuracy": np.full(20, 0.5), "sizes": FBNET, **change}
    with pytest.raises(InputError, match=said):
        LayeredPredictor.fit(**given)


def test_codes_of_another_space_are_not_predicted():
    codes = draw(20, 15)
    predictor = LayeredPredictor.fit(codes, additive(codes), FBNET)
    for ask in (predictor.predict, predictor.additive):
        with pytest.raises(InputError, match="22"):
            ask(codes[:, :6])
    assert predictor.predict(codes[:0]).shape == (0,)


def test_a_space_tells_what_is_known_of_its_operators():
    space = FBNetSpace(FBNetMacro.of(CIFAR, TensorSpec(8, 8, 1), 10))
    codes = draw(60, 16)
    found = LayeredPredictor.of_space(space, codes, additive(codes))
    np.testing.assert_array_equal(found.score, LayeredPredictor.fit(codes, additive(codes), FBNET, traits=TRAITS).score)
