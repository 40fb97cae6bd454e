"""Calibration: asks for a few heads, is told what they took, until it is sure enough or the budget is spent.

Ask and tell: the board, the clock and the messages belong to the caller. Heads that are held out are measured first
and never fitted on, so that after every batch the error on them is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.cost.calibrated import HeldOut, Step, Stop
from nasc_sdk.cost.features import parse_key
from nasc_sdk.cost.model import Z95, CostModel, predict_heads
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Measurement, Profile, Timing, Validity
from nasc_sdk.profiling.validity import Code, same_conditions, verdict
from nasc_search.accuracy.ranking import spearman
from nasc_search.calibrate.choose import Candidates, draw_candidates, next_heads, relative_covariance
from nasc_search.calibrate.design import Design
from nasc_search.calibrate.fit import fit
from nasc_search.calibrate.operators import operator_prior
from nasc_search.calibrate.report import FitReport
from nasc_search.calibrate.typical import typical_us, usual_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.fewshot.known import KnownDevice
    from nasc_search.joint.catalogue import Catalogue

_FIRST: Final = 8
_BATCH: Final = 4
_ANCHORS: Final = 4
"""Heads of the first batch that every later one times again: they tell whether the machine still runs at that speed."""
_SAME_SPEED: Final = 0.03
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop."""

    precision: float = 0.05
    """Half a 90 % interval, relative to the prediction, that 90 % of all heads must keep."""
    heads: int = 20
    held_out: int = 10
    board_s: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.precision < 1:
            raise InputError(f"a precision is a share between 0 and 1, not {self.precision}")
        if self.heads < 1 or self.held_out < 0 or not self.board_s > 0:
            raise InputError(
                f"a budget takes at least one head and some time, not {self.heads} heads in {self.board_s} s"
            )


class Calibration:
    """One device, from nothing to a cost model."""

    def __init__(
        self, catalogue: Catalogue, important: NDArray[np.bool_], budget: Budget, seed: int,
        known: KnownDevice | None = None, *, tails: bool = False,
    ) -> None:  # fmt: skip
        rng = np.random.default_rng(seed)
        self._budget, self._known = budget, known
        self._candidates: Candidates = draw_candidates(catalogue, rng, important, tails=tails)
        self._prior = operator_prior(self._candidates.op_keys, known)
        size = len(self._candidates.heads)
        self._test = set(rng.choice(size, min(budget.held_out, size - 1), replace=False).tolist())
        self._most = min(budget.heads, size - len(self._test))
        self._distinct = len(catalogue.block_keys)
        self._asked: list[int] = []
        self._anchors: dict[int, Measurement] = {}
        self._attempts, self._busy_s = 0, 0.0
        self._taken: set[int] = set()
        self._profile: Profile | None = None
        self._held: tuple[Measurement, ...] = ()
        self._fitted: tuple[CostModel, FitReport] | None = None
        self.steps: list[Step] = []

    def ask(self) -> Design:
        """Heads to measure next; none once :attr:`stop` is set."""
        if self.stop is not None:
            return Design((), (), self._distinct)
        if not self._asked:
            model = self._fitted[0] if self._fitted else None
            covariance = relative_covariance(self._candidates, self._prior, model)
            count = min(_BATCH if self.steps else _FIRST, self._most - len(self._taken))
            chosen = next_heads(covariance, self._candidates.weight, self._taken | self._test, count)
            self._asked = [*self._anchors, *chosen] if self.steps else [*sorted(self._test), *chosen]
        return Design((), tuple(self._candidates.heads[at] for at in self._asked), self._distinct)

    def tell(self, profile: Profile) -> Step | None:
        """The measurements of what was asked for, in that order.

        None when the machine ran at another speed than in the first batch: the same is asked for again, twice at most.
        After that the batch is taken at the first one's speed, and counts as degraded. Raises InputError when the
        measurements are of something else, or were taken under other conditions than the first batch.
        """
        if len(profile.heads) != len(self._asked):
            raise InputError(f"{profile.device}: {len(profile.heads)} heads measured of {len(self._asked)} asked for")
        if self._profile is not None:
            _refuse_others(self._profile, profile)
        self._busy_s += profile.duration_s
        measured = dict(zip(self._asked, profile.heads, strict=True))
        speed = self._speed(measured)
        if abs(speed - 1.0) > _SAME_SPEED and self._attempts + 1 < _ATTEMPTS and self._busy_s < self._budget.board_s:
            self._attempts += 1
            return None
        fresh = {at: _at_speed(head, speed) for at, head in measured.items() if at not in self._taken}
        held = (head for at, head in fresh.items() if at in self._test)
        # What may not be fitted on says nothing about a prediction either.
        self._held += tuple(head for head in held if head.validity is not Validity.INVALID)
        fitting = {at: head for at, head in fresh.items() if at not in self._test}
        self._anchors = self._anchors or dict(list(fitting.items())[:_ANCHORS])
        heads = (*(self._profile.heads if self._profile else ()), *fitting.values())
        self._profile = replace(self._profile or profile, heads=heads, duration_s=self._busy_s)
        self._taken |= set(fitting)
        self._fitted = fit(self._profile, self._known)
        self._asked, self._attempts = [], 0
        self.steps.append(replace(self._step(self._fitted[0]), speed=speed))
        return self.steps[-1]

    def _speed(self, measured: dict[int, Measurement]) -> float:
        """Time of the anchors in the first batch by theirs in this one: below 1 where the board has become slower."""
        ratios = [
            anchor.timing.minimum / measured[at].timing.minimum
            for at, anchor in self._anchors.items()
            if measured[at].timing.minimum > 0 and Validity.INVALID not in (anchor.validity, measured[at].validity)
        ]
        return float(np.median(ratios)) if ratios else 1.0

    @property
    def stop(self) -> Stop | None:
        """Why there is nothing more to ask; None while there is."""
        if not self.steps:
            return None
        last = self.steps[-1]
        if last.interval <= self._budget.precision:
            return Stop.PRECISE
        if last.measured_heads >= self._most:
            return Stop.BUDGET
        return Stop.TIME if last.board_s >= self._budget.board_s else None

    @property
    def result(self) -> tuple[Profile, CostModel, FitReport]:
        """All measurements that were fitted on, the model, and how well heads predict each other."""
        if self._profile is None or self._fitted is None:
            raise InputError("nothing was measured yet")
        return self._profile, *self._fitted

    def _step(self, model: CostModel) -> Step:
        assert self._profile is not None
        every = predict_heads(model, self._candidates.keys)
        interval = float(np.quantile(Z95 * every.error_us / np.maximum(every.us, 1e-9), 0.9))
        held = self._check(model)
        errors = [abs(item.predicted_us / item.measured_us - 1.0) for item in held] or [0.0]
        return Step(
            measured_heads=len(self._taken),
            interval=interval,
            mean_error=float(np.mean(errors)),
            max_error=float(np.max(errors)),
            rank_correlation=spearman([item.predicted_us for item in held], [item.measured_us for item in held]),
            inside=sum(item.inside for item in held),
            held_out=held,
            board_s=self._busy_s,
        )

    def _check(self, model: CostModel) -> tuple[HeldOut, ...]:
        if self._profile is None or not self._held:
            return ()
        predicted = predict_heads(model, [parse_key(head.key) for head in self._held])
        low, high = predicted.interval()
        usual = usual_ratio((*self._held, *self._profile.heads))
        rows = zip(self._held, predicted.us.tolist(), low.tolist(), high.tolist(), strict=True)
        return tuple(
            HeldOut(head.title, us, least, most, typical_us(head, usual)) for head, us, least, most in rows
        )


def _refuse_others(first: Profile, profile: Profile) -> None:
    """InputError when the profile was not measured under the first one's conditions."""
    one, other = first.conditions, profile.conditions
    differing = [f"{name} {getattr(one, name)!s} and {getattr(other, name)!s}" for name in same_conditions(one, other)]
    if differing:
        raise InputError(
            f"{profile.device}: a device measured under two conditions: {', '.join(differing)}; calibrate again"
        )


def _at_speed(head: Measurement, speed: float) -> Measurement:
    """The measurement as it would be at the first batch's speed."""
    timing = head.timing
    scaled = Timing(timing.median * speed, timing.p95 * speed, timing.minimum * speed, timing.samples)
    if head.validity is not Validity.VALID or abs(speed - 1.0) <= _SAME_SPEED:
        return replace(head, timing=scaled)
    return replace(head, timing=scaled, validity=verdict(Code.OTHER_SPEED), code=Code.OTHER_SPEED.value)
