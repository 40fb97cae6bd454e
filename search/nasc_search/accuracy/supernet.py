"""The supernet's own accuracies: some evaluated on the validation images, the others predicted from those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nasc_search.accuracy.cell_features import Array
from nasc_search.accuracy.learned import Learned
from nasc_search.spaces.space import SearchSpace


class SupernetSource:
    """An :class:`nasc_search.accuracy.source.AccuracySource`."""

    name = "supernet"

    def __init__(self, space: SearchSpace, evaluated: Mapping[str, float], seed: int = 0) -> None:
        self.known: Mapping[str, float] = dict(evaluated)
        self._learned = Learned(space, evaluated, seed)

    def estimate(self, archs: Sequence[str]) -> Array:
        """Predicted, all of them: what was evaluated since takes its place in the candidate table."""
        return self._learned.predict(archs)

    @property
    def report(self) -> str:
        """Cross-validated."""
        return str(self._learned.report)
