"""How long a board's counts are."""

from __future__ import annotations

from dataclasses import dataclass

from nasc_sdk.errors import InputError
from nasc_sdk.mcu.session import BoardSession
from nasc_sdk.profiling.profile import TimeUnit


@dataclass(frozen=True, slots=True)
class Clock:
    """How long a count is. Of an emulated board only what somebody assumes: instructions a second."""

    counts_per_s: float
    label: str
    """Said next to every figure; empty where the board's own clock tells."""

    def seconds(self, counts: float) -> float:
        """Of so many counts."""
        return counts / self.counts_per_s


def clock_of(session: BoardSession, instructions_per_s: float = 0.0) -> Clock:
    """The board's; raises InputError for an emulated one without an assumption, and for a real one with it."""
    emulated = session.counter.unit is TimeUnit.INSTRUCTIONS
    if not emulated:
        if instructions_per_s:
            raise InputError(f"{session.board.name} has a clock of its own: leave --instructions-per-s out")
        return Clock(float(session.hello.time_hz), "")
    if not instructions_per_s:
        raise InputError(
            f"{session.board.name} is emulated, its counts are instructions: say how many a second are to be assumed, "
            f"for example --instructions-per-s {session.hello.clock_hz} (one each cycle of its clock)"
        )
    label = f"simulated: an emulated board's instructions, {instructions_per_s:g} a second"
    return Clock(instructions_per_s, label)
