"""One thread that runs handlers in order of arrival, behind a queue bounded in number and in bytes."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from nasc_sdk.errors import NascError

MAX_BYTES: Final = 64 << 20
"""Payload bytes that may wait for handlers."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """Runs jobs; one that raises is counted and logged, and the next one runs."""

    def __init__(self, name: str, max_jobs: int) -> None:
        self._name, self._max_jobs = name, max_jobs
        self._jobs: deque[tuple[Callable[[], None], int]] = deque()
        self._bytes = 0
        self._wake = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None
        self.failures = 0

    @property
    def is_this_thread(self) -> bool:
        """Whether the caller is a job."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        """Run jobs from now on; harmless when running."""
        if self._thread is None:
            self._ended = False
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def offer(self, job: Callable[[], None], size: int = 0, *, always: bool = False) -> bool:
        """Queue a job that holds ``size`` bytes; False when there is no room, unless ``always``."""
        with self._wake:
            full = len(self._jobs) >= self._max_jobs or self._bytes + size > MAX_BYTES
            if full and not always:
                return False
            self._jobs.append((job, size))
            self._bytes += size
            self._wake.notify()
            return True

    def run(self, job: Callable[[], None]) -> None:
        """Run a job now, counting and logging what it raises."""
        try:
            job()
        except NascError as error:
            self.failures += 1
            _log.warning("%s", error)
        except Exception:
            # A handler's bug must not silence all handlers.
            self.failures += 1
            _log.exception("a handler failed")

    def stop(self, timeout_s: float) -> None:
        """End after the running job; what waits is dropped."""
        with self._wake:
            self._ended = True
            self._jobs.clear()
            self._bytes = 0
            self._wake.notify()
        if self._thread is not None and not self.is_this_thread:
            self._thread.join(timeout_s)
            self._thread = None

    def _next(self) -> Callable[[], None] | None:
        with self._wake:
            self._wake.wait_for(lambda: self._jobs or self._ended)
            if self._ended:
                return None
            job, size = self._jobs.popleft()
            self._bytes -= size
            return job

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self.run(job)
