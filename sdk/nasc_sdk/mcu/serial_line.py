"""What the serial line adds to each request of a board behind a bridge: its input there, its head's output back.

Requests come to the bridge, and the firmware has no sensor of its own: so the input is on the bridge's machine, and
every candidate that runs a part on the board sends it all of the input and gets the output of its head, for an
all-local one the answer. At cut 0 the bridge sends the raw input away itself, and the line is not used. A sensor at the
board itself would need the way back only; there is no port for one yet.

Measured, not reckoned from a baud rate: boards at USB have none, and hosts and adapters add their share to each packet.
An emulated board has no line. There only instructions count, at a speed that somebody assumes, and transfers take
nothing, neither in a profile nor in a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nasc_sdk.cost.coding import Step, unit_key
from nasc_sdk.mcu.unfinished import Unit
from nasc_sdk.profiling.profile import Measurement
from nasc_sdk.profiling.samples import summarize


def line_steps(units: Sequence[Unit]) -> Iterator[Measurement]:
    """The line's time for each number of bytes, in and out, that these units crossed it with."""
    for size in sorted({unit.line_bytes for unit in units}):
        us = [one for unit in units if unit.line_bytes == size for one in unit.line_us]
        if us:
            timing = summarize([1e3 * one for one in us])
            yield Measurement(unit_key(Step.LINE, size), Step.LINE.value, f"{size} bytes", timing)
