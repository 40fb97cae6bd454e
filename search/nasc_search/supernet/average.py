"""Moving average of the weights: what is evaluated and exported instead of the last step's."""

from __future__ import annotations

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nasc_search.supernet.model import Supernet


class WeightAverage:
    """Exponential average of a supernet's parameters; batch-norm statistics are re-calibrated for every sub-network.

    The decay begins low, ``(1 + step) / (10 + step)``, so that the random first weights are soon forgotten.
    """

    def __init__(self, supernet: Supernet, decay: float) -> None:
        self._decay = decay
        self._live = [parameter.detach() for parameter in supernet.parameters()]
        self._names = [name for name, _ in supernet.named_parameters()]
        self._average = [value.clone() for value in self._live]

    def update(self, step: int) -> None:
        """Take in the weights after ``step`` (counted from 0)."""
        decay = min(self._decay, (1 + step) / (10 + step))
        average_into = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call] # torch types it so
        average_into(self._average, self._live, None)

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """The averages by parameter name; the tensors themselves, not copies."""
        return dict(zip(self._names, self._average, strict=True))

    def restore(self, weights: dict[str, torch.Tensor]) -> None:
        """Go on from saved averages; KeyError when one is missing."""
        for name, value in self.weights.items():
            value.copy_(weights[name])
