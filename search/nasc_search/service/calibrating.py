"""The verb ``calibrate``: a few well-chosen heads measured on a device, batch by batch, and its cost model kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasc_sdk.cost.calibrated import Step, Stop
from nasc_sdk.cost.features import parse_block
from nasc_sdk.cost.model import CostModel
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.protocol.messages import Role
from nasc_search.calibrate.calibration import Budget, Calibration
from nasc_search.calibrate.fit import model_of_known
from nasc_search.calibrate.operators import known_device
from nasc_search.calibrate.report import FitReport
from nasc_search.fewshot.known import KnownDevice
from nasc_search.joint.in_service import ServedLog
from nasc_search.service.measuring import Measuring, Progress
from nasc_search.service.planner import Planner
from nasc_search.service.plans import make_plans
from nasc_search.service.searching import COST_MODEL, SERVED, Options, number
from nasc_search.service.store import Store
from nasc_search.service.target import target_of
from nasc_search.service.workshop import Workshop

_OPTIONS = frozenset({"rounds", "seed", "precision", "heads", "held_out", "board_s", "prior"})
_ACCURATE = 0.9
"""Of all architectures, the share that the search will hardly choose."""


@dataclass(frozen=True, slots=True)
class CalibrationAnswer:
    """Document of the verb ``calibrate``."""

    device: str
    prior: str
    stop: Stop
    steps: tuple[Step, ...]
    board_s: float
    cost_model: CostModel
    fit: FitReport | None = None
    profile: Profile | None = None
    """Of the heads that were fitted on."""


class Calibrating:
    """Runs one calibration at a time."""

    def __init__(self, measuring: Measuring, store: Store, workshop: Workshop, planner: Planner) -> None:
        self._measuring, self._store = measuring, store
        self._workshop, self._planner = workshop, planner

    def run(self, device: str, options: Options, progress: Progress) -> CalibrationAnswer:
        """Measure until sure enough; InputError for bad options, UnreachableError when the device is silent.

        With a ``prior`` and no ``heads`` nothing is measured.
        """
        unknown = set(options) - _OPTIONS
        if unknown:
            raise InputError(f"unknown options: {', '.join(sorted(unknown))}")
        prior = str(options.get("prior", ""))
        known = known_device(prior) if prior else None
        if known is not None and number(options, "heads", Budget().heads) == 0:
            return self._from(device, known)
        budget, seed = _budget(options), int(number(options, "seed", 0))
        role, capabilities = self._measuring.online(device)
        calibration = Calibration(
            self._planner.catalogue, self._accurate(), budget, seed, known, tails=role is Role.EDGE
        )
        form, rounds = target_of(capabilities.conditions).form, int(number(options, "rounds", 9))
        while calibration.stop is None:
            # Power and coding once: they take some of the budget, and the first profile's are kept.
            first = not calibration.steps
            plans = make_plans(self._workshop, calibration.ask(), form, progress, (role,), coding=first)
            plan = plans[1] if role is Role.EDGE else plans[0]
            found = self._measuring.measure(device, plan, rounds, progress, power=first)
            calibration.tell(found)
            progress(min(_measured(calibration.steps), budget.heads), budget.heads, _describe(calibration.steps))
        profile, model, report = calibration.result
        self._store.put("profile", device, profile)
        self._keep(device, model)
        steps = tuple(calibration.steps)
        return CalibrationAnswer(
            device, prior, calibration.stop, steps, steps[-1].board_s, model, report, profile
        )

    def _from(self, device: str, known: KnownDevice) -> CalibrationAnswer:
        """A board like a known device, before anything is measured on it."""
        role, capabilities = self._measuring.online(device)
        if role is Role.EDGE:
            raise InputError(f"{device} is an edge server: known devices are boards; measure it, --heads 8 or more")
        keys = (op for key in self._planner.catalogue.block_keys for op in parse_block(key)[1])
        model = model_of_known(device, known, sorted(set(keys)), capabilities.conditions)
        self._keep(device, model)
        return CalibrationAnswer(device, known.name, Stop.PRIOR, (), 0.0, model)

    def _keep(self, device: str, model: CostModel) -> None:
        self._store.put(COST_MODEL, device, model)
        self._store.put(SERVED, device, ServedLog())

    def _accurate(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Architectures that a search may come to choose."""
        accuracy = self._planner.accuracy
        return np.asarray(accuracy >= np.quantile(accuracy, _ACCURATE))


def _budget(options: Options) -> Budget:
    defaults = Budget()
    return Budget(
        precision=number(options, "precision", defaults.precision),
        heads=int(number(options, "heads", defaults.heads)),
        held_out=int(number(options, "held_out", defaults.held_out)),
        board_s=number(options, "board_s", defaults.board_s),
    )


def _measured(steps: Sequence[Step]) -> int:
    return steps[-1].measured_heads if steps else 0


def _describe(steps: Sequence[Step]) -> str:
    if not steps:
        return "the machine changed its speed; measuring again"
    return f"sure within {steps[-1].interval:.0%}, held-out error {steps[-1].mean_error:.1%}"
