"""Listening to a site: messages of every device as they come, and one line of words for each."""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Final

from nasc_sdk.link.link import describe_link
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import (
    DeployDesired,
    DeployReported,
    LatencyReport,
    LinkReport,
    Message,
    ProfileResult,
    ServiceEvent,
    State,
    decode,
)
from nasc_sdk.protocol.topics import SERVICE, Topics, device_of

_MAX_WAITING: Final = 1000


def observe(broker_url: str, site: str, seconds: float) -> Iterator[tuple[str, Message]]:
    """Whose topic, and message, of a site for so long; retained ones come first. Raises UnreachableError."""
    heard: queue.Queue[tuple[str, Message]] = queue.Queue(_MAX_WAITING)

    def take(kind: type[Message]) -> Callable[[str, bytes], None]:
        def receive(topic: str, payload: bytes) -> None:
            if payload:
                heard.put((device_of(topic), decode(kind, payload, topic)), timeout=1.0)

        return receive

    every = Topics(site, "+")
    with MqttClient(broker_url, f"nasc-watch-{uuid.uuid4().hex[:12]}") as client:
        for topic, kind in (
            (every.state, State),
            (every.deploy_desired, DeployDesired),
            (every.deploy_reported, DeployReported),
            (every.link, LinkReport),
            (every.latency, LatencyReport),
            (every.profile_result, ProfileResult),
            (Topics(site, SERVICE).service_event, ServiceEvent),
        ):
            client.subscribe(topic, take(kind))
        client.connect()
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                yield heard.get(timeout=left)
            except queue.Empty:
                return


def describe(device: str, message: Message) -> str:
    """One line, units included; ``device`` is whose topic it came on."""
    match message:
        case State():
            where = f" at {message.address}" if message.address else ""
            return f"{message.device} ({message.role}) is {'online' if message.online else 'offline'}{where}"
        case DeployDesired():
            return f"{device}: desired version {message.version}: {len(message.bundles)} bundles ({message.reason})"
        case DeployReported():
            why = f": {message.reason} [{message.code}]" if message.code else ""
            return f"{message.device}: version {message.version} {message.status}{why}"
        case LinkReport():
            link = describe_link(message.throughput_mbit_s, message.round_trip_ms)
            return f"{message.device}: link {'changed to' if message.changed else 'is'} {link}"
        case LatencyReport():
            return (
                f"{message.device}: {message.requests} requests, total p50 {message.total_ms[0]:.2f} ms, "
                f"p95 {message.total_ms[1]:.2f} ms, {message.fallbacks} fallbacks, {message.failures} failures"
            )
        case ProfileResult():
            done = f"{len(message.profile.blocks)} blocks" if message.profile else f"failed: {message.reason}"
            return f"{device}: profile {message.request_id[:8]}: {done}"
        case ServiceEvent():
            return f"{message.device}: {message.event}: {message.text}"
        case _:
            return type(message).__name__
