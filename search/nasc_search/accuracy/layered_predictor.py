"""Accuracy of any architecture of a layered space, FBNet's 9^22 for one, from a few hundred evaluated ones.

Two regressions of one target: an additive one, whose scores an exact search adds up, and a full one, which ranks anew
what that finds. The weights of :mod:`nasc_search.accuracy.layered_covariance` and the penalty are chosen by
cross-validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasc_search.accuracy.kernel_ridge import (
    Array,
    Folds,
    Freedom,
    PredictorReport,
    dual,
    folds_of,
    to_accuracy,
    to_target,
)
from nasc_search.accuracy.layered_covariance import Codes, Covariance, Space
from nasc_search.measured.fbnet import TRAITS
from nasc_search.spaces.fbnet import FBNetSpace
from nasc_search.spaces.space import ChoiceSpace

ADDITIVE: Final = (Covariance(1.0), Covariance(0.5), Covariance(0.1))
INTERACTING: Final = tuple(
    Covariance(own, pairs, smooth) for own in (0.5, 0.1) for pairs, smooth in ((0.3, 0.0), (0.0, 1.0), (0.3, 1.0))
)
_PENALTIES: Final = tuple(np.logspace(-2.5, 0.5, 7).tolist())
_ROWS_AT_ONCE: Final = 2048


@dataclass(frozen=True, slots=True)
class _Regression:
    """A covariance, the weights of the samples, and what cross-validation says of both."""

    covariance: Covariance
    weights: Array
    report: PredictorReport

    @classmethod
    def chosen(
        cls, among: Sequence[Covariance], space: Space, codes: Codes, target: Array, folds: Folds
    ) -> _Regression:
        free = Freedom([one.between(space, codes, codes) for one in among], _PENALTIES)
        place, penalty = free.chosen(target)
        report = PredictorReport.of(free.held_out(target, folds), target)
        return cls(among[place], dual(free.kernels[place], target, penalty), report)


@dataclass(frozen=True, slots=True)
class LayeredPredictor:
    """Made by :meth:`fit`."""

    score: Array
    """[L, C] What each choice adds to ``-log(1.01 - accuracy)``; NaN where a layer has fewer than C choices. Those that
    no sample has get what others like them add, shrunk."""
    intercept: float
    """Of a network whose scores add up to 0."""
    additive_report: PredictorReport
    """Of :meth:`additive`."""
    report: PredictorReport
    """Of :meth:`predict`."""
    _space: Space
    _codes: Codes
    _covariance: Covariance
    _weights: Array

    @classmethod
    def fit(
        cls, codes: NDArray[np.integer[Any]], accuracy: Array, sizes: Sequence[int], seed: int = 0,
        traits: ArrayLike | None = None,
    ) -> LayeredPredictor:  # fmt: skip
        """Fit on [n, L] choices and accuracies in 0..1; ``sizes`` are the numbers of choices at each layer.

        ``traits`` [C, t] are figures that tell how alike choices are, such as kernel and expansion. InputError for
        fewer than 10 samples, other shapes, choices that there are not, accuracies outside 0..1.
        """
        space = Space.of(sizes, traits)
        rows = space.checked(codes)
        target = to_target(np.asarray(accuracy, np.float64), len(rows))
        folds = folds_of(len(rows), seed)
        adding = _Regression.chosen(ADDITIVE, space, rows, target, folds)
        whole = _Regression.chosen((*ADDITIVE, *INTERACTING), space, rows, target, folds)
        score = adding.covariance.of_choices(space) @ space.hot(rows).T @ adding.weights
        return cls(
            score=np.where(space.legal, score.reshape(space.legal.shape), np.nan),
            intercept=float(target.mean()),
            additive_report=adding.report,
            report=whole.report,
            _space=space,
            _codes=rows,
            _covariance=whole.covariance,
            _weights=whole.weights,
        )

    @classmethod
    def of_space(
        cls, space: ChoiceSpace, codes: NDArray[np.integer[Any]], accuracy: Array, seed: int = 0
    ) -> LayeredPredictor:
        """Fit on networks of a space, with what is known of its operators."""
        traits = TRAITS if isinstance(space, FBNetSpace) else None
        return cls.fit(codes, accuracy, space.choices, seed, traits)

    def predict(self, codes: NDArray[np.integer[Any]]) -> Array:
        """Accuracy of [n, L] networks, 0..1; InputError for codes of another space."""
        rows = self._space.checked(codes)
        found = [
            self._covariance.between(self._space, rows[start : start + _ROWS_AT_ONCE], self._codes) @ self._weights
            for start in range(0, len(rows), _ROWS_AT_ONCE)
        ]
        return to_accuracy(self.intercept + np.concatenate([np.zeros(0), *found]))

    def additive(self, codes: NDArray[np.integer[Any]]) -> Array:
        """Accuracy by the scores alone, 0..1: what an exact search maximises."""
        rows = self._space.checked(codes)
        return to_accuracy(self.intercept + self.score[np.arange(rows.shape[1]), rows].sum(axis=1))
