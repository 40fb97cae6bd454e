"""Requests to the search service that wait or are worked on: which one runs, how far it is, which are given up.

What only measures is stopped at its next step. A rollout is not: half of it would be on board and server. Searches end
by themselves before anybody could stop them.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import Final

from nasc_sdk.errors import StoppedError
from nasc_sdk.protocol.messages import ServiceRequest, ServiceVerb

NOT_KNOWN: Final = "the search service works on nothing of the kind: it was answered already, or never came"
_LEFT_OUT: Final = "it had not begun, and will not"
_GOES_ON: Final = "it goes on, for a rollout is not left half done; nasc-sdk watch shows when it is done"
_DONE: Final = "it was done before it could be stopped"


@dataclass(frozen=True, slots=True)
class Running:
    """What the worker does for somebody at present."""

    request_id: str
    verb: ServiceVerb
    device: str
    since_unix_s: float
    done: int = 0
    total: int = 0
    label: str = ""


class Requests:
    """Thread-safe: they are accepted and given up on the MQTT thread; one worker begins, tells, checks and ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accepted: set[str] = set()
        self._given_up: dict[str, ServiceRequest] = {}
        """By the request that is given up, the one that asked for it."""
        self._running: Running | None = None

    @property
    def running(self) -> Running | None:
        """None while nobody's request is worked on."""
        return self._running

    def accept(self, request: ServiceRequest) -> bool:
        """False for one that waits or runs already."""
        with self._lock:
            if request.request_id in self._accepted:
                return False
            self._accepted.add(request.request_id)
            return True

    def give_up(self, asking: ServiceRequest) -> str | None:
        """What becomes of the request that ``asking`` names; None when only its end can tell (:meth:`end`)."""
        name = str(asking.options.get("request_id", ""))
        with self._lock:
            if name not in self._accepted:
                return NOT_KNOWN
            running = self._running if self._running and self._running.request_id == name else None
            if running is not None and running.verb is ServiceVerb.DEPLOY:
                return _GOES_ON
            self._given_up[name] = asking
            return _LEFT_OUT if running is None else None

    def begin(self, request: ServiceRequest) -> None:
        """StoppedError for one that was given up while it waited."""
        with self._lock:
            if request.request_id in self._given_up:
                raise StoppedError(_LEFT_OUT)
            self._running = Running(request.request_id, request.verb, request.device, time.time())

    def tell(self, done: int, total: int, label: str) -> None:
        """How far the running one is."""
        with self._lock:
            if self._running is not None:
                self._running = replace(self._running, done=done, total=total, label=label)

    def check(self) -> None:
        """StoppedError when the running one was given up; for the worker's thread, where there is nothing to undo."""
        running = self._running
        if running is not None and running.request_id in self._given_up:
            raise StoppedError(f"stopped after {running.done} of {running.total} ({running.label})")

    def end(self, request: ServiceRequest, error: Exception | None) -> tuple[ServiceRequest, str] | None:
        """Whoever asked for it to be given up, and what became of it."""
        with self._lock:
            began = self._running is not None and self._running.request_id == request.request_id
            self._running = None if began else self._running
            self._accepted.discard(request.request_id)
            asking = self._given_up.pop(request.request_id, None)
        if asking is None or not began:
            return None  # Whoever gave up what had not begun was answered at once.
        return asking, str(error) if isinstance(error, StoppedError) else _DONE
