"""The verb ``map``: goal in, regime map out. Changes nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.link.loss import check_loss
from nasc_sdk.regime.regime_map import MapAnswer, Spread
from nasc_search.joint.aim import MOST_ACCURATE
from nasc_search.joint.regime import regime_map
from nasc_search.joint.regime_lines import Area, spread_of
from nasc_search.service.decide import neighbourhood
from nasc_search.service.searching import Options, Searching, number

_RANGES: Final = ("throughput_range", "round_trip_range")
_OWN: Final = frozenset({*_RANGES, "loss", "steady", "within_points"})
_MAX_SLICES: Final = 8
_LIMITS: Final = frozenset(
    {"limit_ms", "percentile", "raw_input_may_leave", "arena_bytes", "flash_bytes", "max_server_ms", "edge"}
)


def map_regimes(searching: Searching, device: str, options: Options) -> MapAnswer:
    """The most accurate candidate everywhere, over links that vary as the board's link did, or not at all.

    Raises InputError for bad options and when nothing was profiled, InfeasibleError when nothing keeps the limit.
    """
    if unknown := set(options) - _OWN - _LIMITS:
        raise InputError(f"unknown options of a map: {', '.join(sorted(unknown))}")
    area, losses, within = parse_area(options), parse_losses(options), number(options, "within_points", 0.0) / 100
    goal = searching.goal(device, {name: value for name, value in options.items() if name in _LIMITS})
    link = searching.measured_link(device)
    here = () if link is None else (link,)
    table = searching.table(device, goal, (*here, *neighbourhood(goal.constraints.limit_ms)))
    spread = Spread() if link is None or options.get("steady", False) else spread_of(link)
    begun = time.perf_counter()
    found = regime_map(table, replace(goal.constraints, aim=MOST_ACCURATE), area, spread, within, device, losses)
    return MapAnswer(
        map=found,
        here=None if link is None else (float(np.median(link.throughput_mbit_s)), float(np.median(link.round_trip_ms))),
        candidates=table.size,
        build_ms=1000 * (time.perf_counter() - begun),
    )


def parse_area(options: Options) -> Area:
    """From ``LOW,HIGH`` twice; InputError when one is something else."""
    usual = Area()
    return Area(*(_range(options, name, default) for name, default in zip(
        _RANGES, (usual.throughput_mbit_s, usual.round_trip_ms), strict=True
    )))  # fmt: skip


def parse_losses(options: Options) -> tuple[float, ...]:
    """From ``LOSS,...``, no loss without it; InputError when it is something else."""
    text = str(options.get("loss", 0.0))
    try:
        losses = tuple(map(float, text.split(",")))
    except ValueError:
        raise InputError(f"--loss takes numbers with commas between, not {text!r}") from None
    for loss in losses:
        check_loss(loss)
    if len(losses) > _MAX_SLICES or any(a >= b for a, b in pairwise(losses)):
        raise InputError(f"--loss takes up to {_MAX_SLICES} rising numbers, not {text}")
    return losses


def _range(options: Options, name: str, default: tuple[float, float]) -> tuple[float, float]:
    if name not in options:
        return default
    try:
        low, high = map(float, str(options[name]).split(","))
    except ValueError:
        raise InputError(f"--{name.replace('_', '-')} takes LOW,HIGH, not {options[name]!r}") from None
    return low, high
