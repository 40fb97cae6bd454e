"""The threads that run tails: bounded queue, one request a thread at a time.

LiteRT releases the interpreter lock while it computes, so the event loop keeps answering meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Job = Callable[[int], None]
"""Called in a worker's thread with the worker's number; must not raise."""


class Workers:
    """A pool of ``count`` threads; at most ``capacity`` jobs wait."""

    def __init__(self, count: int, capacity: int) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._places = threading.Semaphore(capacity + count)
        self._threads = [
            threading.Thread(target=self._work, args=(number,), name=f"tail-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> bool:
        """Queue a job; False at once when the queue is full."""
        if not self._places.acquire(blocking=False):
            return False
        self._jobs.put(job)
        return True

    def close(self, timeout_s: float = 5.0) -> None:
        """End the threads after the jobs that are queued."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout_s)

    def _work(self, number: int) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job(number)
            finally:
                self._places.release()
