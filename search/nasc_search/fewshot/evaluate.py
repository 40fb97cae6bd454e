"""The few-shot benchmark: a device treated as never seen, predicted from N samples, K times over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.accuracy.ranking import kendall, spearman
from nasc_search.fewshot.baselines import BASELINES, Samples
from nasc_search.fewshot.choose import choose
from nasc_search.fewshot.predictor import fit_samples
from nasc_search.measured.npz import SpaceName

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.fewshot.known import KnownDevice
    from nasc_search.measured.npz import Measurements

    Array = NDArray[np.float64]


class Protocol(StrEnum):
    """Which architectures are predicted."""

    HELP = "help"
    """NAS-Bench-201's 900 to 1899; samples are any of them, predicted is the rest without the fastest and the
    slowest tenth (HELP, arXiv 2106.08630)."""
    ALL = "all"
    """All that are not samples."""


class Sampling(StrEnum):
    """How the samples are picked."""

    RANDOM = "random"
    ACTIVE = "active"


_HELP_RANGE: Final = (900, 1900)
_TRIMMED: Final = 10


@dataclass(frozen=True, slots=True)
class MeanStd:
    """Mean and standard deviation over the draws."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result; ``mape`` and ``coverage90`` are shares, baselines give no interval."""

    device: str
    space: SpaceName
    samples: int
    draws: int
    protocol: Protocol
    sampling: Sampling
    tested: int
    """Architectures to predict; each draw leaves its samples out."""
    prior_devices: tuple[str, ...]
    ours: dict[str, MeanStd]
    baselines: dict[str, dict[str, MeanStd]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evaluate."""

    device: str
    samples: int
    draws: int
    protocol: Protocol = Protocol.HELP
    sampling: Sampling = Sampling.RANDOM
    seed: int = 0


def default_protocol(space: SpaceName) -> Protocol:
    """HELP's where it is defined."""
    return Protocol.HELP if space is SpaceName.NB201 else Protocol.ALL


def evaluate(
    measurements: Measurements,
    devices: Sequence[KnownDevice],
    plan: Plan,
    progress: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Run the benchmark; InputError when the file and the plan do not fit each other."""
    values = measurements.devices.get(plan.device)
    if values is None:
        held = ", ".join(sorted(measurements.devices))
        raise InputError(f"no device {plan.device} in the measurements; they hold {held}")
    pool, tested = _rows(measurements, values, plan)
    ours: list[dict[str, float]] = []
    theirs: dict[str, list[dict[str, float]]] = {name: [] for name in BASELINES}
    for draw in range(plan.draws):
        rng = np.random.default_rng([plan.seed, draw])
        rows = _samples(measurements, values, devices, plan, pool, rng)
        test = np.setdiff1d(tested, rows)
        predictor = fit_samples(measurements.space, devices, measurements.arch[rows], values[rows])
        figures = predictor.predict(measurements.arch[test])
        scored = _score(figures.mean, values[test])
        inside = (figures.low <= values[test]) & (values[test] <= figures.high)
        ours.append(scored | {"coverage90": float(inside.mean())})
        sampled = Samples(predictor.basis, devices, measurements.arch[rows], values[rows])
        for name, baseline in BASELINES.items():
            theirs[name].append(_score(baseline(sampled, measurements.arch[test]), values[test]))
        progress(draw + 1)
    names = tuple(device.name for device in devices)
    return Evaluation(
        plan.device, measurements.space, plan.samples, plan.draws, plan.protocol, plan.sampling,
        len(tested), names, _spreads(ours), {name: _spreads(scores) for name, scores in theirs.items()},
    )  # fmt: skip


def _rows(
    measurements: Measurements, values: Array, plan: Plan
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to sample from and rows to predict."""
    every = np.arange(len(values))
    pool = tested = every
    if plan.protocol is Protocol.HELP:
        if measurements.space is not SpaceName.NB201:
            raise InputError("the help protocol is of NAS-Bench-201's architectures; use --protocol all")
        low, high = _HELP_RANGE
        inside = (measurements.arch >= low) & (measurements.arch < high)
        if inside.sum() != high - low:
            held = f"the file holds {inside.sum()} of them"
            raise InputError(f"the help protocol takes architectures {low} to {high - 1}; {held}")
        ordered = every[inside][np.argsort(values[inside], kind="stable")]
        trimmed = len(ordered) // _TRIMMED
        pool, tested = every[inside], ordered[trimmed:-trimmed]
    if plan.samples >= len(tested):
        raise InputError(f"{plan.samples} samples may leave none of the {len(tested)} architectures to predict")
    return pool, tested


def _samples(
    measurements: Measurements,
    values: Array,
    devices: Sequence[KnownDevice],
    plan: Plan,
    pool: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    if plan.sampling is Sampling.RANDOM:
        return rng.choice(pool, plan.samples, replace=False)
    chosen = choose(
        measurements.space, devices, measurements.arch[pool], plan.samples, lambda row: float(values[pool[row]]), rng
    )
    return pool[chosen]


def _score(predicted: Array, measured: Array) -> dict[str, float]:
    return {
        "spearman": spearman(predicted, measured),
        "kendall": kendall(predicted, measured),
        "mape": float(np.mean(np.abs(predicted / measured - 1.0))),
    }


def _spreads(scores: Sequence[dict[str, float]]) -> dict[str, MeanStd]:
    return {
        name: MeanStd(float(np.mean(column)), float(np.std(column)))
        for name in scores[0]
        for column in ([score[name] for score in scores],)
    }
