"""From a Profile to a CostModel: Bayesian linear regression on operator counts, whole heads and blocks together.

Unknown are the invocation, what each operator takes inside a head, and how far it deviates in a block that is timed
alone (its data are then where the last run left them): blocks tell of operators with that slack, whole heads directly.
The prior is :mod:`nasc_search.calibrate.operators`; the error that operators cannot explain is averaged over the values
that make the measurements probable. The report states the error of heads, each predicted from all other measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.cost.features import join_blocks, parse_block, parse_key
from nasc_sdk.cost.model import Z95, CostModel, count_operators
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import BlockKind
from nasc_sdk.profiling.profile import Conditions, Measurement, Profile, TimeUnit, Validity
from nasc_sdk.profiling.validity import Code
from nasc_search.calibrate.coding import fit_coding
from nasc_search.calibrate.operators import OperatorPrior, operator_prior
from nasc_search.calibrate.posterior import Posterior, condition
from nasc_search.calibrate.report import FitReport, HeadCheck, Ignored, summarize
from nasc_search.calibrate.typical import typical_us, usual_ratio
from nasc_search.fewshot.known import KnownDevice

Array = NDArray[np.float64]
_RESIDUALS: Final = (0.004, 0.006, 0.01, 0.015, 0.02, 0.03, 0.045, 0.07, 0.1)
"""Relative deviations of whole heads from their operators that are considered."""
_NOISE_FLOOR: Final = 0.003
_DEGRADED_NOISE: Final = 3.0
_CONTRADICTORY_ERRORS: Final = 5.0
_CONTRADICTORY_SHARE: Final = 0.15
"""Two times of one unit contradict each other when they are further apart than both: standard errors, share of one."""
_MINIMUM_SD: Final = 1.5
"""How many standard deviations the smallest of nine to forty-five normal samples lies below their middle, roughly."""
_COMPLETE: Final = (BlockKind.STEM.value, BlockKind.CLASSIFIER.value)
"""Blocks that alone are the shortest head, or the shortest tail."""
_ALONE_SD: Final = 0.2
_ALONE_KIND_SD: Final = 0.3
_ALONE_ALL_SD: Final = 0.1
"""How far an operator in a block that is timed alone deviates from its time in a head: itself, with its kind, all."""
_INVOCATION_SD: Final = 0.1
"""Of a typical head."""
_ALONE_INVOCATION_SD: Final = 0.05
_ANOTHER_DAY_SD: Final = 0.02
"""How far everything that a device takes moves together from one profile to the next: seen on x86-64 machines."""
_LEAST_SCALE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class _Usable:
    """A measurement with its block keys; times in microseconds."""

    title: str
    keys: tuple[str, ...]
    us: float
    noise: float
    """Relative standard error of the median."""
    p95_ratio: float
    whole: bool
    """A complete head or tail, not a block out of the middle of one."""
    degraded: bool


def fit(profile: Profile, known: KnownDevice | None = None) -> tuple[CostModel, FitReport]:
    """Cost model of the profile's device; InputError when the profile holds too little or no times.

    ``known`` is a device that this one resembles.
    """
    if profile.conditions.unit is not TimeUnit.MICROSECONDS:
        raise InputError(f"{profile.device}: measured in {profile.conditions.unit.value}, not in time")
    usual = usual_ratio((*profile.blocks, *profile.heads))
    blocks, ignored_blocks = _usable(profile.blocks, usual, whole=False)
    heads, ignored_heads = _usable(profile.heads, usual, whole=True)
    if not (blocks or heads):
        count = len(profile.blocks) + len(profile.heads)
        raise InputError(f"{profile.device}: none of {count} measurements can be used")
    contradictory = tuple(row.title for row in (*_doubt(heads), *_doubt(blocks)))
    rows = (*heads, *blocks)
    op_keys = tuple(sorted({op for row in rows for key in row.keys for op in parse_block(key)[1]}))
    prior = operator_prior(op_keys, known)
    residual, found = _solve(prior, rows)
    ratios = [item.p95_ratio for item in (heads if len(heads) >= 3 else blocks or heads)]
    model = _model(profile.device, profile.conditions, prior, found, residual)
    model = replace(model, p95_ratio=float(np.median(ratios)), coding=fit_coding(profile.coding))
    checks = tuple(_check(head, found, at) for at, head in enumerate(heads)) if len(rows) > 1 else ()
    measured = np.array([block.us for block in blocks])
    errors = np.abs(found.left_out[len(heads) :] / measured - 1.0) if blocks else np.zeros(0)
    degraded = sum(row.degraded for row in rows)
    ignored = (*ignored_blocks, *ignored_heads)
    return model, summarize(profile.device, len(rows), degraded, ignored, errors, checks, contradictory)


def model_of_known(
    device: str, known: KnownDevice, op_keys: Sequence[str], conditions: Conditions
) -> CostModel:
    """A board like this known device, before anything is measured on it: wide, and labelled so."""
    prior = operator_prior(op_keys, known)
    assert prior.scale_us is not None
    size = len(op_keys)
    covariance = np.zeros((size + 1, size + 1))
    covariance[1:, 1:] = prior.relative * prior.scale_us**2 * np.outer(prior.mean, prior.mean)
    return CostModel(
        device=device,
        conditions=conditions,
        op_keys=tuple(op_keys),
        op_us=tuple((prior.mean * prior.scale_us).tolist()),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        invocation_us=0.0,
        residual=max(_RESIDUALS),
        origin=f"prior of {known.name}",
    )


def _usable(
    measurements: Sequence[Measurement], usual: float, whole: bool
) -> tuple[list[_Usable], list[Ignored]]:
    """Measurements with the time of each unit and its error, and those that cannot be used."""
    used, ignored = [], []
    for measurement in measurements:
        timing, title = measurement.timing, measurement.title
        if measurement.validity is Validity.INVALID:
            ignored.append(Ignored(title, measurement.code or Code.INVALID.value))
            continue
        if not (np.isfinite([timing.median, timing.p95]).all() and timing.median > 0 and timing.samples > 0):
            ignored.append(Ignored(title, Code.NO_POSITIVE_TIME.value))
            continue
        try:
            keys = parse_key(measurement.key)
        except InputError:
            keys = ()
        if not keys or (not whole and len(keys) > 1):
            ignored.append(Ignored(title, Code.FOREIGN_KEY.value))
            continue
        ratio = max(timing.p95 / timing.median, 1.0)
        # A few late samples raise the p95 but not the median: the side below the median tells of its error, too.
        spread = min((ratio - 1) / Z95, (1 - timing.minimum / timing.median) / _MINIMUM_SD)
        # 1.25 is the price of a median against a mean under normal noise.
        noise = float(np.hypot(_NOISE_FLOOR, 1.25 * spread / np.sqrt(timing.samples)))
        degraded = measurement.validity is Validity.DEGRADED
        noise *= _DEGRADED_NOISE if degraded else 1.0
        complete = whole or keys[0].partition("|")[0] in _COMPLETE
        used.append(_Usable(title, keys, typical_us(measurement, usual), noise, ratio, complete, degraded))
    return used, ignored


def _doubt(rows: list[_Usable]) -> list[_Usable]:
    """Degrades, in place, units that were measured more than once with times far apart, and returns them."""
    same: dict[tuple[str, ...], list[int]] = {}
    for at, row in enumerate(rows):
        same.setdefault(row.keys, []).append(at)
    doubted = []
    for places in same.values():
        # Against the extremes only: as good as every pair, and linear in what a plan may repeat.
        group = sorted((rows[at] for at in places), key=lambda row: row.us)
        for at in places:
            if any(_contradict(rows[at], other) for other in (group[0], group[-1])):
                doubted.append(at)
    for at in doubted:
        more = 1.0 if rows[at].degraded else _DEGRADED_NOISE
        rows[at] = replace(rows[at], noise=more * rows[at].noise, degraded=True)
    return [rows[at] for at in doubted]


def _contradict(a: _Usable, b: _Usable) -> bool:
    apart = abs(a.us - b.us)
    error = float(np.hypot(a.noise * a.us, b.noise * b.us))
    return apart > _CONTRADICTORY_ERRORS * error and apart > _CONTRADICTORY_SHARE * min(a.us, b.us)


def _solve(prior: OperatorPrior, rows: Sequence[_Usable]) -> tuple[float, Posterior]:
    """Residual and posterior.

    Unknowns: invocation, what it differs by in a lone block, operators, what they differ by in a lone block.
    """
    size = len(prior.op_keys)
    counts = count_operators([row.keys for row in rows], prior.op_keys)
    us = np.array([row.us for row in rows])
    alone = np.array([[0.0 if row.whole else 1.0] for row in rows])
    design = np.hstack([np.ones((len(rows), 1)), alone, counts, alone * counts])
    scale = prior.scale_us or max(float(np.median(us / (counts @ prior.mean))), _LEAST_SCALE)
    mean = np.concatenate([np.zeros(2), scale * prior.mean, np.zeros(size)])
    noise = np.array([row.noise for row in rows])
    taken = scale * prior.mean
    # Deviations are relative to what an operator takes: guessed at first, then known.
    _, found = _most_probable(mean, _covariance(prior, taken, float(np.median(us))), design, us, noise)
    taken = np.maximum(found.mean[2 : size + 2], taken)
    return _most_probable(mean, _covariance(prior, taken, float(np.median(us))), design, us, noise)


def _most_probable(
    mean: Array, covariance: Array, design: Array, us: Array, noise: Array
) -> tuple[float, Posterior]:
    """The residual to expect from its probabilities, and the posterior under it."""

    def under(residual: float) -> Posterior:
        return condition(mean, covariance, design, us, np.hypot(noise, residual) * us)

    evidence = np.array([under(residual).evidence for residual in _RESIDUALS])
    weights = np.exp(evidence - evidence.max())
    expected = float(np.sqrt(weights @ np.square(_RESIDUALS) / weights.sum()))
    return expected, under(expected)


def _covariance(prior: OperatorPrior, taken: Array, typical_us: float) -> Array:
    """Prior covariance of :func:`_solve`'s unknowns."""
    size = len(prior.op_keys)
    kinds = np.array([key.partition(" ")[0].partition("/")[0] for key in prior.op_keys])
    same = (kinds[:, None] == kinds[None, :]).astype(np.float64)
    deviation = _ALONE_ALL_SD**2 + _ALONE_KIND_SD**2 * same + _ALONE_SD**2 * np.eye(size)
    covariance = np.zeros((2 * size + 2, 2 * size + 2))
    covariance[0, 0] = (_INVOCATION_SD * typical_us) ** 2
    covariance[1, 1] = (_ALONE_INVOCATION_SD * typical_us) ** 2
    covariance[2 : size + 2, 2 : size + 2] = prior.relative * np.outer(taken, taken)
    covariance[size + 2 :, size + 2 :] = deviation * np.outer(taken, taken)
    return covariance


def _model(
    device: str, conditions: Conditions, prior: OperatorPrior, found: Posterior, residual: float
) -> CostModel:
    kept = [0, *range(2, len(prior.op_keys) + 2)]
    covariance = found.covariance[np.ix_(kept, kept)]
    covariance = covariance + _ANOTHER_DAY_SD**2 * np.outer(found.mean[kept], found.mean[kept])
    return CostModel(
        device=device,
        conditions=conditions,
        op_keys=prior.op_keys,
        op_us=tuple(found.mean[kept[1:]].tolist()),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        invocation_us=float(found.mean[0]),
        residual=residual,
    )


def _check(head: _Usable, found: Posterior, at: int) -> HeadCheck:
    return HeadCheck(head.title, join_blocks(head.keys), float(found.left_out[at]), head.us)
