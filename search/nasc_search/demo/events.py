"""Events: what board and search service say over MQTT while the demo plays, in order, to wait for."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from nasc_sdk.errors import UnreachableError
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import LatencyReport, LinkReport, Message, ServiceEvent, decode
from nasc_sdk.protocol.topics import SERVICE, Topics
from nasc_search.demo.stage import BOARD, SITE
from nasc_search.service.adapting import MIN_REQUESTS, OVER_LIMIT
from nasc_search.service.records import Deployment

SETTLED: Final = OVER_LIMIT
"""Latency reports in a row within the limit after which the service has no reason to search again."""

M = TypeVar("M", bound=Message)


class Events:
    """Listens from the moment it is made."""

    def __init__(self, client: MqttClient, say: Callable[[str], None]) -> None:
        self._limit_ms, self._say = math.inf, say
        self._seen: list[ServiceEvent] = []
        self._links = self._within = 0
        self._arrived = threading.Condition()
        board = Topics(SITE, BOARD)
        self._listen(client, Topics(SITE, SERVICE).service_event, ServiceEvent, self._on_event)
        self._listen(client, board.link, LinkReport, self._on_link)
        self._listen(client, board.latency, LatencyReport, self._on_latency)

    def _listen(self, client: MqttClient, topic: str, kind: type[M], note: Callable[[M], None]) -> None:
        def arrived(name: str, payload: bytes) -> None:
            message = decode(kind, payload, name)
            with self._arrived:
                note(message)
                self._arrived.notify_all()

        client.subscribe(topic, arrived)

    def _on_event(self, event: ServiceEvent) -> None:
        self._seen.append(event)
        self._say(f"  service: {event.event}: {event.text}")
        if event.event == "deployed":
            self._within = 0

    def _on_link(self, _: LinkReport) -> None:
        self._links += 1

    def _on_latency(self, report: LatencyReport) -> None:
        newest = self._newest()
        if newest is None or report.contract != newest.contract or report.requests < MIN_REQUESTS:
            return
        self._within = self._within + 1 if report.total_ms[1] <= self._limit_ms else 0

    def limit(self, limit_ms: float) -> None:
        """What latency reports are held against from now on."""
        with self._arrived:
            self._limit_ms = limit_ms

    def count(self) -> int:
        """Events so far: where to start waiting."""
        with self._arrived:
            return len(self._seen)

    def wait(self, name: str, start: int, timeout_s: float) -> ServiceEvent:
        """The first event of this name from ``start`` on; UnreachableError when it does not come."""
        with self._arrived:
            found = self._arrived.wait_for(
                lambda: next((event for event in self._seen[start:] if event.event == name), None), timeout_s
            )
            if found is None:
                heard = "; ".join(f"{event.event}: {event.text}" for event in self._seen[start:]) or "nothing"
                raise UnreachableError("search service", f"no {name!r} within {timeout_s:.0f} s; heard {heard}")
        return found

    def wait_links(self, count: int, timeout_s: float) -> None:
        """Wait for so many link reports from now on; UnreachableError when they do not come."""
        with self._arrived:
            until = self._links + count
            if not self._arrived.wait_for(lambda: self._links >= until, timeout_s):
                raise UnreachableError(BOARD, f"sent less than {count} link reports within {timeout_s:.0f} s")

    def wait_settled(self, timeout_s: float) -> bool:
        """Wait until the newest deployment has answered within the limit for a while; whether it did in time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self._within >= SETTLED, timeout_s)

    def newest_deployment(self) -> Deployment:
        """The last rollout that was announced; UnreachableError when there was none."""
        with self._arrived:
            found = self._newest()
        if found is None:
            raise UnreachableError("search service", "announced no deployment")
        return found

    def _newest(self) -> Deployment | None:
        found = [event for event in self._seen if event.event == "deployed"]
        return msgspec.json.decode(found[-1].document, type=Deployment) if found else None
