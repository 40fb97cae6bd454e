"""A small regime map by hand: two rows, a split that needs a link, and the board alone."""

from dataclasses import replace

from nasc_sdk.candidate import Candidate, CutEncoding
from nasc_sdk.regime.regime_map import NOBODY, Regime, RegimeMap, Slice, Spread

FAST = Regime(Candidate("wide|net", 1), "split", 0.9, 0.2, (0.0, 4.0), 0.25)
SLOW = Regime(Candidate("slim", 2, CutEncoding(4, 8)), "split", 0.8, 0.1, (0.0, 2.0), 0.25)
ALONE = Regime(Candidate("tiny", 3), "all-local", 0.7, 0.0, (1.5, 1.5), 0.5)

MAP = RegimeMap(
    device="pi",
    limit_ms=8.0,
    percentile=95.0,
    throughput_mbit_s=(1.0, 100.0),
    lowest_round_trip_ms=1.0,
    slices=(Slice(0.0, (2.0, 10.0), ((2.0, 20.0), (40.0,)), ((2, 1, 0), (2, 1)), 0.01),),
    regimes=(FAST, SLOW, ALONE),
    local=2,
    within=0.0,
    spread=Spread(),
    digest="0" * 64,
)


LOSSY = replace(MAP, slices=(*MAP.slices, Slice(0.01, (5.0, 10.0), ((30.0,), ()), ((2, 1), (2,)), 0.03)))
"""The same with a slice of one segment in a hundred lost."""


def hopeless():
    """The same where the board alone is too slow."""
    (only,) = MAP.slices
    slices = (replace(only, answers=((NOBODY, 1, 0), (NOBODY, 1))),)
    return replace(MAP, slices=slices, regimes=(FAST, SLOW), local=NOBODY)
