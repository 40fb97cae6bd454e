"""Steps of a calibration, and the search service's answer to ``calibrate`` as the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from nasc_sdk.cost.model import CostModel
from nasc_sdk.errors import RemoteProtocolError


class Stop(StrEnum):
    """Why a calibration ended."""

    PRECISE = "precise"
    """Every prediction is as sure as was asked for."""
    BUDGET = "budget"
    """As many heads as allowed, or as there are to choose among, were measured."""
    TIME = "time"
    """The board was busy for as long as allowed."""
    PRIOR = "prior"
    """Nothing was to be measured: the model is what is known of another device."""


_WHY: Final[dict[str, str]] = {
    Stop.PRECISE: "the predictions are as sure as was asked for",
    Stop.BUDGET: "as many heads were measured as was allowed",
    Stop.TIME: "the board was busy for as long as was allowed; it may not be as sure as asked for: --board-s",
    Stop.PRIOR: "nothing was to be measured",
}


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A head that was not fitted on: predicted with its 90 % interval, and measured; microseconds."""

    title: str
    predicted_us: float
    low_us: float
    high_us: float
    measured_us: Annotated[float, msgspec.Meta(gt=0)]

    @property
    def inside(self) -> bool:
        """Whether the interval holds the measurement."""
        return self.low_us <= self.measured_us <= self.high_us


@dataclass(frozen=True, slots=True)
class Step:
    """What is known after a batch; shares are relative errors of held-out heads."""

    measured_heads: int
    interval: float
    """Half a 90 % interval, relative: nine heads of ten are at least as sure."""
    mean_error: float
    max_error: float
    rank_correlation: float
    inside: int
    held_out: tuple[HeldOut, ...]
    board_s: float
    """How long the board was busy so far, held-out heads included."""
    speed: float = 1.0
    """Of the board during this batch, against the first: by heads that were timed in both."""


class Calibrated(msgspec.Struct, frozen=True):
    """The service's document for the verb ``calibrate``."""

    device: str
    stop: str
    steps: tuple[Step, ...]
    board_s: float
    prior: str = ""
    cost_model: CostModel | None = None

    @property
    def why(self) -> str:
        """Why it stopped, in words."""
        return _WHY.get(self.stop, self.stop)


def read_calibrated(document: bytes) -> Calibrated:
    """A reply's document; raises RemoteProtocolError."""
    try:
        return msgspec.json.decode(document, type=Calibrated)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RemoteProtocolError("reply of the service", f"not a calibration: {error}") from error
