"""The learning rate of a step."""

from __future__ import annotations

import math
from typing import Final

from nasc_search.supernet.options import TrainOptions

WARM_UP_STEPS: Final = 50


def learning_rate(step: int, options: TrainOptions) -> float:
    """Linear warm-up, then a cosine to zero (Loshchilov & Hutter 2017, arXiv 1608.03983, without restarts)."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return options.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / options.steps))
