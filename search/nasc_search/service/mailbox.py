"""Mailbox: lets a worker wait, with a bound, for what arrives on the MQTT thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Mailbox:
    """The newest value under each key; waiting wakes when one arrives."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], object] = {}
        self._arrived = threading.Condition()

    def put(self, kind: str, key: str, value: object) -> None:
        """Replace the value of a key."""
        with self._arrived:
            self._values[kind, key] = value
            self._arrived.notify_all()

    def get(self, kind: str, key: str, of: type[T]) -> T | None:
        """The newest value, None when there is none."""
        with self._arrived:
            value = self._values.get((kind, key))
        return value if isinstance(value, of) else None

    def take(self, kind: str, key: str) -> None:
        """Forget a value."""
        with self._arrived:
            self._values.pop((kind, key), None)

    def wait(
        self, kind: str, key: str, of: type[T], accept: Callable[[T], bool], timeout_s: float
    ) -> T | None:
        """The first acceptable value, or None when time is up."""
        deadline = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                value = self._values.get((kind, key))
                if isinstance(value, of) and accept(value):
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._arrived.wait(left)
