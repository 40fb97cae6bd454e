"""Profile -> CostModel: operators from blocks, the correction from some whole heads, the error on the others.

1. Block medians are regressed on operator counts, in relative errors, coefficients >= 0, with a weak prior
   that an operator's time is proportional to its work. Invalid measurements are left out, degraded ones
   count less.
2. What a block measured beyond its operators is kept beside, weighed by how noisy either is.
3. Half of the whole heads fit ``scale`` and ``block_us``; the other half only states the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.cost.features import join_blocks, parse_block, parse_key, parse_op
from nasc_sdk.cost.model import Z95, CostModel, MeasuredBlock, predict_blocks, predict_heads
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Measurement, Profile, TimeUnit, Validity
from nasc_search.calibrate.report import FitReport, HeadCheck, Ignored, summarize
from nasc_search.calibrate.ridge import RidgeFit, nonnegative_ridge

Array = NDArray[np.float64]

_NOISE_FLOOR: Final = 0.005
"""Relative error that no repetition removes: placement of code and data, clock steps."""
_DEGRADED_NOISE: Final = 3.0
"""A degraded measurement is taken to be this much noisier."""
_UNSTEADY: Final = 1.15
"""Of median to minimum; a machine that does nothing else shows 1.01 to 1.06."""
_MINIMUM_SD: Final = 1.5
"""How far the least of about nine normal samples lies below their median, in standard deviations."""
_PRIOR_SD: Final = 3.0
_SCALE_SD, _BOUNDARY_SD = 0.1, 0.02
_MIN_RESIDUAL: Final = 0.005


@dataclass(frozen=True, slots=True)
class _Usable:
    """A measurement with its block keys; times in microseconds."""

    title: str
    keys: tuple[str, ...]
    us: float
    noise: float
    """Relative standard error of the median."""
    p95_ratio: float


def fit(profile: Profile) -> tuple[CostModel, FitReport]:
    """Cost model of the profile's device; InputError when the profile holds too little or no times."""
    if profile.conditions.unit is not TimeUnit.MICROSECONDS:
        raise InputError(f"{profile.device}: measured in {profile.conditions.unit.value}, not in time")
    usual = _usual_ratio((*profile.blocks, *profile.heads))
    blocks, ignored_blocks = _usable(profile.blocks, usual, single=True)
    heads, ignored_heads = _usable(profile.heads, usual)
    if not blocks:
        raise InputError(f"{profile.device}: none of {len(profile.blocks)} measured blocks can be used")
    summed, block_residual, loo = _fit_operators(profile, blocks)
    ratios = [item.p95_ratio for item in (heads if len(heads) >= 3 else blocks)]
    model = replace(summed, p95_ratio=float(np.median(ratios)))
    model = _with_measured_blocks(model, blocks, block_residual)
    fitting, held_out = _split(model, heads)
    model = _with_correction(model, fitting)
    checks = [*_check(model, fitting, False), *_check(model, held_out, True)]
    relative = [check.error for check in checks if check.held_out]
    residual = float(np.sqrt(np.mean(np.square(relative)))) if len(relative) >= 3 else block_residual
    model = replace(model, residual=max(residual, _MIN_RESIDUAL))
    used = len(blocks) + len(heads)
    degraded = sum(m.validity is Validity.DEGRADED for m in (*profile.blocks, *profile.heads))
    ignored = (*ignored_blocks, *ignored_heads)
    return model, summarize(profile.device, used, degraded, ignored, np.abs(loo), tuple(checks))


def _usual_ratio(measurements: Sequence[Measurement]) -> float:
    """Median against minimum where the machine was steady: what the minimum of another unit says of its time."""
    ratios = [m.timing.median / m.timing.minimum for m in measurements if m.timing.minimum > 0]
    steady = [ratio for ratio in ratios if ratio <= _UNSTEADY]
    return float(np.median(steady)) if steady else 1.0


def _usable(
    measurements: Sequence[Measurement], usual: float, single: bool = False
) -> tuple[list[_Usable], list[Ignored]]:
    """Time of each unit: its median, or ``usual`` times its minimum where the machine was not steady.

    A machine that changes its speed meanwhile has medians of the one speed and of the other; its minima agree.
    """
    used, ignored = [], []
    for measurement in measurements:
        timing, title = measurement.timing, measurement.title
        if measurement.validity is Validity.INVALID:
            ignored.append(Ignored(title, measurement.code or "invalid"))
            continue
        if not (np.isfinite([timing.median, timing.p95]).all() and timing.median > 0 and timing.samples > 0):
            ignored.append(Ignored(title, "no_positive_time"))
            continue
        try:
            keys = parse_key(measurement.key)
        except InputError:
            keys = ()
        if not keys or (single and len(keys) > 1):
            ignored.append(Ignored(title, "foreign_key"))
            continue
        ratio = max(timing.p95 / timing.median, 1.0)
        # A few late samples raise the p95 but not the median: the side below the median tells of its error, too.
        spread = min((ratio - 1) / Z95, (1 - timing.minimum / timing.median) / _MINIMUM_SD)
        # 1.25 is the price of a median against a mean under normal noise.
        noise = float(np.hypot(_NOISE_FLOOR, 1.25 * spread / np.sqrt(timing.samples)))
        noise *= _DEGRADED_NOISE if measurement.validity is Validity.DEGRADED else 1.0
        unsteady = timing.median > _UNSTEADY * timing.minimum > 0
        us = usual * timing.minimum if unsteady else timing.median
        used.append(_Usable(title, keys, us, noise, ratio))
    return used, ignored


def _fit_operators(profile: Profile, blocks: Sequence[_Usable]) -> tuple[CostModel, float, Array]:
    """The additive model, the relative residual of blocks (left out one by one), and each block's."""
    features = [parse_block(block.keys[0])[1] for block in blocks]
    op_keys = tuple(sorted({op for block in features for op in block}))
    work = np.asarray([float(parse_op(op).macs + parse_op(op).bytes_moved) for op in op_keys])
    counts = np.asarray([[block.get(op, 0) for op in op_keys] for block in features], np.float64)
    times = np.asarray([block.us for block in blocks])
    rows = np.column_stack([np.ones(len(blocks)), counts]) / times[:, None]
    prior, prior_sd = _prior(counts @ work, times, work)
    noise = np.asarray([block.noise for block in blocks])
    residual = 0.03
    for _ in range(3):
        ridge = nonnegative_ridge(rows, np.ones(len(blocks)), prior, prior_sd, np.hypot(noise, residual))
        loo = _left_out(ridge, rows)
        # The median resists the few blocks that nobody can predict; 1.48 makes it a standard deviation.
        spread = float(np.median(np.abs(loo[ridge.leverage < 0.9]))) if (ridge.leverage < 0.9).any() else 0.0
        residual = max(1.48 * spread, _MIN_RESIDUAL)
    model = CostModel(
        device=profile.device,
        conditions=profile.conditions,
        op_keys=op_keys,
        op_us=tuple(ridge.coefficients[1:].tolist()),
        covariance=tuple(tuple(row) for row in ridge.covariance.tolist()),
        invocation_us=float(ridge.coefficients[0]),
        residual=residual,
    )
    return model, residual, loo[ridge.leverage < 0.9]


def _prior(block_work: Array, times: Array, work: Array) -> tuple[Array, Array]:
    """Mean and standard deviation before any fit: time in proportion to work, invocation near nothing."""
    rate = float(np.median(times / np.maximum(block_work, 1.0)))
    prior = np.concatenate([[0.0], rate * work])
    return prior, np.concatenate([[float(times.min())], _PRIOR_SD * rate * work])


def _left_out(ridge: RidgeFit, rows: Array) -> Array:
    """Relative error of each block when it is left out of the fit."""
    errors = rows @ ridge.coefficients - 1.0
    return np.asarray(errors / np.maximum(1.0 - ridge.leverage, 1e-3), np.float64)


def _with_measured_blocks(model: CostModel, blocks: Sequence[_Usable], residual: float) -> CostModel:
    """Keep for each measured block the mean of sum and measurement, weighed by their precisions."""
    keys = sorted({block.keys[0] for block in blocks})
    predicted = predict_blocks(model, keys)
    # An operator that occurs in one noisy block alone is known no better than that block.
    errors = np.hypot(residual * predicted.us, predicted.error_us)
    summed = dict(zip(keys, zip(predicted.us.tolist(), errors.tolist(), strict=True), strict=True))
    measured: dict[str, MeasuredBlock] = {}
    for key in keys:
        mine = [block for block in blocks if block.keys[0] == key]
        weights = np.asarray([(block.noise * block.us) ** -2 for block in mine] + [0.0])
        values = np.asarray([max(block.us - model.invocation_us, 0.0) for block in mine] + [summed[key][0]])
        weights[-1] = max(summed[key][1], 1e-9) ** -2
        total = float(weights.sum())
        measured[key] = MeasuredBlock(float(weights @ values) / total, total**-0.5)
    return replace(model, blocks=measured)


def _split(model: CostModel, heads: Sequence[_Usable]) -> tuple[list[_Usable], list[_Usable]]:
    """Every other head in the order of time fits the correction; a single one is held out."""
    ordered = sorted(heads, key=lambda head: (head.us, head.title))
    return ordered[1::2], ordered[0::2]


def _with_correction(model: CostModel, heads: Sequence[_Usable]) -> CostModel:
    """Fit ``scale`` (prior 1) and ``block_us`` (prior 0), in relative errors."""
    if not heads:
        return model
    sums = np.asarray([predict_blocks(model, head.keys).us.sum() for head in heads])
    times = np.asarray([head.us for head in heads])
    gaps = np.asarray([len(head.keys) - 1.0 for head in heads])
    noise = np.hypot([head.noise for head in heads], 0.01)
    typical = float(np.median(sums / (gaps + 1)))
    whitened = np.column_stack([sums, gaps]) / (times * noise)[:, None]
    precision = np.diag([_SCALE_SD**-2, (_BOUNDARY_SD * max(typical, 1e-9)) ** -2])
    left = (times - model.invocation_us - sums) / (times * noise)
    scale, block_us = np.linalg.solve(whitened.T @ whitened + precision, whitened.T @ left)
    return replace(model, scale=float(1.0 + scale), block_us=float(block_us))


def _check(model: CostModel, heads: Sequence[_Usable], held_out: bool) -> list[HeadCheck]:
    predicted = predict_heads(model, [head.keys for head in heads]).us.tolist()
    return [
        HeadCheck(head.title, join_blocks(head.keys), us, head.us, held_out)
        for head, us in zip(heads, predicted, strict=True)
    ]
