"""TrainOptions: everything a training run is determined by, besides data and space."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from nasc_search.data.augmentations import DEFAULT, Augmentation

_NO_RECIPE = frozenset({"steps", "batch", "learning_rate", "seed", "bfloat16"})
"""Kept with the progress of a training, or a matter of the machine."""


class SamplingRule(StrEnum):
    """How the sub-networks of a step are drawn; see :mod:`nasc_search.supernet.rules`."""

    UNIFORM = "uniform"
    """One sub-network, uniformly: the best at equal CPU time on NAS-Bench-201."""
    FAIR = "fairnas"
    """Strict fairness (Chu et al. 2021, arXiv 1907.01845): as many sub-networks as an edge has choices, so that every
    choice of every edge is trained once; one update from the mean of their gradients."""
    SANDWICH = "sandwich"
    """The largest, the smallest and a random one (Yu & Huang 2019, arXiv 1903.05134); the largest teaches both."""
    SHRINKING = "shrinking"
    """From the largest network to the whole space, one choice of each position after another (progressive shrinking,
    Cai et al. 2020, arXiv 1908.09791)."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How to train; two runs with equal options, data and space see the same images and sub-networks."""

    steps: int
    batch: int = 64
    """Images of a step, over all processes."""
    learning_rate: float = 0.07
    """Peak; see :func:`nasc_search.supernet.schedule.learning_rate`."""
    seed: int = 0
    bfloat16: bool = False
    """Mixed precision: faster where the processor has AVX512-BF16 or AMX."""
    rule: SamplingRule = SamplingRule.UNIFORM
    augmentations: tuple[Augmentation, ...] = DEFAULT
    label_smoothing: float = 0.0
    """Share of every label that is spread over all classes (Szegedy et al. 2016, arXiv 1512.00567, section 7)."""
    ema_decay: float = 0.0
    """Of the moving average of the weights, e.g. 0.999; 0 keeps none."""
    distillation: float = 0.5
    """The teacher's weight in the loss, 0..1, where there is a teacher."""

    def recipe(self, arch: str = "", teacher: str = "", sampler: str = "") -> str:
        """What differs from the defaults and changes the result, in one line; empty for the defaults."""
        told = [
            f"{field.name}={_text(getattr(self, field.name))}"
            for field in fields(self)
            if field.name not in _NO_RECIPE and getattr(self, field.name) != field.default
        ]
        beside = (("arch", arch), ("teacher", teacher), ("sampler", sampler))
        told += [f"{name}={value}" for name, value in beside if value]
        return " ".join(told)


def _text(value: object) -> str:
    return "+".join(value) or "none" if isinstance(value, tuple) else str(value)
