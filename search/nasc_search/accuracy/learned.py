"""Accuracies of all architectures of a space, learned from some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nasc_search.accuracy.cell_features import Array
from nasc_search.accuracy.predictor import AccuracyPredictor, PredictorReport
from nasc_search.spaces.space import SearchSpace


class Learned:
    """A predictor with the space that it is of."""

    def __init__(self, space: SearchSpace, evaluated: Mapping[str, float], seed: int) -> None:
        self._space = space
        accuracies = np.asarray(list(evaluated.values()), np.float64)
        self._predictor = AccuracyPredictor.fit(self._codes(tuple(evaluated)), accuracies, seed)

    def predict(self, archs: Sequence[str]) -> Array:
        """Accuracy of each, 0..1."""
        return self._predictor.predict(self._codes(archs))

    @property
    def report(self) -> PredictorReport:
        """Cross-validated."""
        return self._predictor.report

    def _codes(self, archs: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return np.asarray([self._space.encode(arch) for arch in archs], np.int64)
