"""Accuracies of all architectures of a space, learned from some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.accuracy.cell_features import Array
from nasc_search.accuracy.kernel_ridge import PredictorReport
from nasc_search.accuracy.layered_predictor import LayeredPredictor
from nasc_search.accuracy.predictor import AccuracyPredictor
from nasc_search.spaces.nb201 import NB201Space
from nasc_search.spaces.space import ChoiceSpace, SearchSpace


class Learned:
    """The predictor of a space: cells of NAS-Bench-201 have their own, other spaces that of their choices."""

    def __init__(self, space: SearchSpace, evaluated: Mapping[str, float], seed: int) -> None:
        self._space = space
        accuracies = np.asarray(list(evaluated.values()), np.float64)
        codes = self._codes(tuple(evaluated))
        self._predictor: AccuracyPredictor | LayeredPredictor
        if isinstance(space, NB201Space):
            self._predictor = AccuracyPredictor.fit(codes, accuracies, seed)
        elif isinstance(space, ChoiceSpace):
            self._predictor = LayeredPredictor.of_space(space, codes, accuracies, seed)
        else:
            raise InputError(f"{space.name}: accuracies are predicted where architectures are choices at positions")

    def predict(self, archs: Sequence[str]) -> Array:
        """Accuracy of each, 0..1."""
        return self._predictor.predict(self._codes(archs))

    @property
    def report(self) -> PredictorReport:
        """Cross-validated."""
        return self._predictor.report

    def _codes(self, archs: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return np.asarray([self._space.encode(arch) for arch in archs], np.int64)
