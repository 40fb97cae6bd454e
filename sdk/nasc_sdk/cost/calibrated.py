"""The search service's answer to ``calibrate``, as the command line reads it."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from nasc_sdk.errors import RemoteProtocolError

_WHY: Final = {
    "precise": "the predictions are as sure as was asked for",
    "budget": "as many heads were measured as was allowed",
    "time": "the board was busy for as long as was allowed",
    "prior": "nothing was to be measured",
}


class CheckedHead(msgspec.Struct, frozen=True):
    """A held-out head: predicted with its 90 % interval, and measured; microseconds."""

    title: str
    predicted_us: float
    low_us: float
    high_us: float
    measured_us: Annotated[float, msgspec.Meta(gt=0)]


class CalibrationStep(msgspec.Struct, frozen=True):
    """What was known after a batch; errors are relative."""

    measured_heads: int
    interval: float
    mean_error: float
    max_error: float
    rank_correlation: float
    inside: int
    held_out: tuple[CheckedHead, ...]
    board_s: float
    speed: float


class Calibrated(msgspec.Struct, frozen=True):
    """The service's document for the verb ``calibrate``."""

    device: str
    stop: str
    steps: tuple[CalibrationStep, ...]
    board_s: float
    prior: str = ""

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
