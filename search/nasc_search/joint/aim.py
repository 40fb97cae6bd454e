"""What the search looks for among the candidates that meet the latency limit and the other rules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nasc_sdk.errors import InputError

FLOOR_BELOW: Final = 0.01
"""Accuracy, 0..1, that least energy or latency may cost where no floor is given."""
SAVING: Final = 0.05
"""Share of the energy or latency that makes another candidate worth a rollout: predicted times are not better."""


class Objective(StrEnum):
    """What is best."""

    ACCURACY = "accuracy"
    ENERGY = "energy"
    """Least energy of the board among the candidates that are accurate enough."""
    LATENCY = "latency"
    """Least latency, at the percentile of the limit, among them."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The objective and what goes with it: a floor for energy and latency, a budget for energy."""

    objective: Objective = Objective.ACCURACY
    min_accuracy: float = 0.0
    """0..1; 0 for ``FLOOR_BELOW`` below the most accurate feasible candidate."""
    max_energy_mj: float = 0.0
    """Of the board for one request, millijoules; 0 for none."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_accuracy <= 1:
            raise InputError(f"a minimum accuracy is between 0 and 1, not {self.min_accuracy}")
        if not (math.isfinite(self.max_energy_mj) and self.max_energy_mj >= 0):
            raise InputError(f"an energy budget is a positive number of millijoules, not {self.max_energy_mj}")
        if self.min_accuracy and not self.saves:
            raise InputError("a minimum accuracy goes with the objectives energy and latency (--objective)")
        if self.max_energy_mj and not self.saves_energy:
            raise InputError("an energy budget goes with the objective energy (--objective)")

    @property
    def saves(self) -> bool:
        """Whether least energy or latency is what counts, and accuracy only has to be enough."""
        return self.objective is not Objective.ACCURACY

    @property
    def saves_energy(self) -> bool:
        """Whether energy is what counts."""
        return self.objective is Objective.ENERGY

    @property
    def budget_mj(self) -> float:
        """The budget, infinite where there is none."""
        return self.max_energy_mj or math.inf

    def floor(self, most_accurate: float) -> float:
        """Least accuracy, given that of the most accurate candidate within limit, rules and budget."""
        return self.min_accuracy or most_accurate - FLOOR_BELOW

    def admits(self, accuracy: float, energy_mj: float) -> bool:
        """Whether a candidate keeps the floor that was asked for, and the budget."""
        return accuracy >= self.min_accuracy and energy_mj <= self.budget_mj


MOST_ACCURATE: Final = Aim()
"""What is looked for where nothing else was asked for."""
