"""Traffic: an application that keeps asking the agent, and a diary of what happened when.

It asks again as soon as it has an answer, as the measured part of the demo does: an application that sleeps in between
lets processor and caches cool down, and its requests take longer.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.agent.client import AgentClient
from nasc_sdk.agent.options import Board
from nasc_sdk.errors import NascError
from nasc_sdk.protocol.local import Answer
from nasc_sdk.report.summary import Mark, Sample

MAX_SAMPLES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no answer."""

    at_s: float
    reason: str


class Diary:
    """Moments since the diary was begun; safe to write from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: list[Mark] = []
        self.begin()

    def begin(self) -> None:
        """Now is zero; before anything is noted."""
        self._begun = time.monotonic()

    def now_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def mark(self, text: str) -> float:
        """Note that something happened now; returns the moment."""
        at_s = self.now_s()
        with self._lock:
            self._marks.append(Mark(at_s, text))
        return at_s

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Everything noted, in order."""
        with self._lock:
            return tuple(self._marks)


class Traffic:
    """Requests one after another in a thread, as from an application on the board, until left."""

    def __init__(self, address: str, board: Board, images: NDArray[np.uint8], diary: Diary) -> None:
        self._address, self._board, self._images, self._diary = address, board, images, diary
        self.samples: list[Sample] = []
        self.failures: list[Failure] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send, name="traffic", daemon=True)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(30.0)

    def first_served(self, contract: str, after_s: float, timeout_s: float) -> float | None:
        """Moment of the first answer under a contract, None when it does not come in time."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for sample in tuple(self.samples):
                if sample.at_s >= after_s and sample.contract == contract and sample.served_by != "fallback":
                    return sample.at_s
            time.sleep(0.02)
        return None

    def _send(self) -> None:
        with self._board.on_core(), AgentClient(self._address, timeout_s=10.0) as client:
            for index in range(MAX_SAMPLES):
                if self._stopped.is_set():
                    return
                at_s = self._diary.now_s()
                try:
                    answer: Answer = client.infer(self._images[index % len(self._images)])
                except NascError as error:
                    self.failures.append(Failure(at_s, str(error)))
                    continue
                self.samples.append(Sample(at_s, answer.total_ms, answer.served_by, answer.contract))
