"""Units of profiles that were interrupted, on disk: the next profile goes on with those that are missing.

A unit is the same when board, firmware, clock, repeats, model and input are, whatever plan brings it. A profile that
ends forgets all of them: what is asked for after it is measured anew.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.profiling.plan import PlanItem
from nasc_sdk.profiling.profile import Measurement

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of a plan as a board ran it."""

    measurement: Measurement
    line_bytes: int
    """Of its input and its output, which cross the serial line."""
    line_us: tuple[float, ...] = ()
    """What each run took beyond what the board counted; nothing where counts are no time."""


class Unfinished:
    """A file a unit in ``folder``. Raises StorageError."""

    def __init__(self, folder: Path) -> None:
        self._folder = make_directory(folder)

    def find(self, setting: Sequence[str], item: PlanItem) -> Unit | None:
        """The unit, where it was measured in this ``setting``: board, firmware, and so on."""
        try:
            return msgspec.json.decode(self._path(setting, item).read_bytes(), type=Unit)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("%s is measured again: %s", item.title, error)
            return None

    def keep(self, setting: Sequence[str], item: PlanItem, unit: Unit) -> None:
        """On return it is on the disk."""
        write_durably(self._path(setting, item), msgspec.json.encode(unit))

    def forget(self) -> None:
        """All of them; never raises: the profile that ended is of more use than this room."""
        try:
            for path in self._folder.iterdir():
                path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("units of a profile that ended are still kept: %s", error)

    def _path(self, setting: Sequence[str], item: PlanItem) -> Path:
        contents = (hashlib.sha256(content).hexdigest() for content in (item.model, item.input))
        # The title is in the measurement, so in its name.
        of = msgspec.json.encode((*setting, item.key, item.title, item.shape, *contents))
        return self._folder / f"{hashlib.sha256(of).hexdigest()}.json"
