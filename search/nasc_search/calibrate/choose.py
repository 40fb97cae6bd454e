"""Which head to measure next: where the posterior is least sure and the search cares most, in closed form.

Measuring a head narrows the prediction of every other one that shares operators with it. How much does not depend on
what is measured, only on the posterior before: so a whole batch is chosen at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.cost.features import join_blocks, parse_block
from nasc_sdk.cost.model import CostModel, count_operators
from nasc_search.calibrate.design import DesignHead
from nasc_search.calibrate.operators import OperatorPrior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nasc_search.joint.catalogue import Catalogue

    Array = NDArray[np.float64]

_CANDIDATES: Final = 600
_NOISE: Final = 0.02
"""Relative, of a measurement and of what operators leave unexplained."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Heads (or tails) that may be measured, with what they run."""

    heads: tuple[DesignHead, ...]
    keys: tuple[tuple[str, ...], ...]
    """Block keys of each."""
    op_keys: tuple[str, ...]
    counts: Array
    """[heads, operators]"""
    weight: Array
    """[heads] How much the search cares."""


def draw_candidates(
    catalogue: Catalogue, rng: np.random.Generator, important: NDArray[np.bool_], *, tails: bool = False
) -> Candidates:
    """Random architectures at random cuts, one half among the ``important`` ones ([archs]), which count double."""
    cuts = catalogue.cuts - 1
    wanted = np.flatnonzero(important)
    half = _CANDIDATES // 2
    rows = rng.integers(len(catalogue.archs), size=_CANDIDATES)
    if wanted.size:
        rows[:half] = rng.choice(wanted, size=half)
    chosen = rng.integers(0, cuts, size=_CANDIDATES) if tails else rng.integers(1, cuts + 1, size=_CANDIDATES)
    heads: dict[tuple[str, ...], DesignHead] = {}
    weight: dict[tuple[str, ...], float] = {}
    for row, cut in zip(rows.tolist(), chosen.tolist(), strict=True):
        every = tuple(catalogue.block_keys[number] for number in catalogue.block_of[row].tolist())
        after = every[cut:] or every
        # What runs the same is one candidate: a held-out head must not be fitted on under another name.
        keys = after if tails else every[:cut]
        head = DesignHead(catalogue.archs[row], cut, join_blocks(every[:cut] or every), join_blocks(after))
        heads.setdefault(keys, head)
        weight[keys] = weight.get(keys, 0.0) + (2.0 if important[row] else 1.0)
    op_keys = tuple(sorted({op for key in catalogue.block_keys for op in parse_block(key)[1]}))
    counts = count_operators(list(heads), op_keys)
    return Candidates(tuple(heads.values()), tuple(heads), op_keys, counts, np.array(list(weight.values())))


def relative_covariance(
    candidates: Candidates, prior: OperatorPrior, model: CostModel | None
) -> Array:
    """[heads, heads] Covariance of predicted times, relative to them: from the model, or from the prior alone."""
    if model is None:
        us = candidates.counts @ prior.mean
        covariance = prior.relative * np.outer(prior.mean, prior.mean)
        rows = candidates.counts
    else:
        us, covariance = np.array([model.invocation_us, *_times(model, prior)]), _joint(model, prior)
        rows = np.column_stack([np.ones(len(candidates.heads)), candidates.counts])
        us = np.maximum(rows @ us, 1e-9)
    scaled = rows / us[:, None]
    return np.asarray(scaled @ covariance @ scaled.T, np.float64)


def next_heads(covariance: Array, weight: Array, taken: set[int], count: int) -> tuple[int, ...]:
    """The ``count`` candidates that together take most weighed variance off all; greedy."""
    left, chosen = covariance.copy(), list[int]()
    for _ in range(min(count, len(left) - len(taken))):
        gain = weight @ np.square(left) / (np.diag(left) + _NOISE**2)
        gain[[*taken, *chosen]] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        left -= np.outer(left[:, best], left[:, best]) / (left[best, best] + _NOISE**2)
    return tuple(chosen)


def _times(model: CostModel, prior: OperatorPrior) -> list[float]:
    """The model's times, and the prior's for operators that nothing measured so far ran."""
    known = dict(zip(model.op_keys, model.op_us, strict=True))
    scale = _scale(model, prior)
    return [known.get(op, scale * mean) for op, mean in zip(prior.op_keys, prior.mean.tolist(), strict=True)]


def _joint(model: CostModel, prior: OperatorPrior) -> Array:
    """Covariance of invocation and all operators; unmeasured ones as uncertain as their prior says."""
    place = {op: at + 1 for at, op in enumerate(prior.op_keys)}
    scale = _scale(model, prior)
    covariance = np.diag([0.0, *(np.diag(prior.relative) * np.square(scale * prior.mean))])
    seen = [0, *(place[op] for op in model.op_keys)]
    covariance[np.ix_(seen, seen)] = np.asarray(model.covariance)
    return covariance


def _scale(model: CostModel, prior: OperatorPrior) -> float:
    means = dict(zip(prior.op_keys, prior.mean.tolist(), strict=True))
    return float(np.median([us / means[op] for op, us in zip(model.op_keys, model.op_us, strict=True)]))
