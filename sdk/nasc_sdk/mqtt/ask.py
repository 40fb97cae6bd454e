"""One question to the search service and its answer, as the command line asks."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from nasc_sdk.errors import UnreachableError
from nasc_sdk.protocol.messages import (
    ServiceProgress,
    ServiceReply,
    ServiceRequest,
    ServiceVerb,
    decode,
    encode,
)
from nasc_sdk.protocol.topics import Topics

if TYPE_CHECKING:
    from nasc_sdk.mqtt.client import MqttClient

Answer = ServiceProgress | ServiceReply

HELLO_S: Final = 5.0
"""How long a service may take to say that it is there; it answers ``status`` at once, also while it works."""
STILL_S: Final = 60.0
"""A service that tells of its progress has at least so long to say more, whatever the asker's patience was."""
CANCEL_S: Final = 12.0
"""How long a service may take to stop what it does: it gives a device five seconds."""
# After the asker's connection came back; the service's may come back later, up to the longest reconnect delay.
_AGAIN_S: Final = (0.0, 2.0, 6.0)
_LOOK_AGAIN_S: Final = 0.5


def ask(
    client: MqttClient,
    topics: Topics,
    request: ServiceRequest,
    timeout_s: float,
    on_progress: Callable[[ServiceProgress], None] = lambda step: None,
) -> ServiceReply:
    """Ask and wait; ``topics`` are those of the service, progress is told on the caller's thread.

    The question is put again after the connection was lost, as the reply may have been lost with it: a service
    answers the same ``request_id`` once. Raises UnreachableError.
    """
    deadline = time.monotonic() + timeout_s
    if request.verb is not ServiceVerb.STATUS:
        hello = ServiceRequest(request_id=f"{request.request_id[:120]}-hello", verb=ServiceVerb.STATUS)
        _exchange(client, topics, hello, min(deadline, time.monotonic() + HELLO_S), lambda step: None)
        return _exchange(client, topics, request, deadline, on_progress, greeted=True)
    deadline = min(deadline, time.monotonic() + HELLO_S)
    return _exchange(client, topics, request, deadline, on_progress)


def cancel(client: MqttClient, topics: Topics, request: ServiceRequest) -> ServiceReply:
    """Give a request up: once it has ended, or at once where it has not begun, the reply's ``text`` says so.

    Raises UnreachableError.
    """
    asking = ServiceRequest(
        request_id=f"{request.request_id[:120]}-cancel",
        verb=ServiceVerb.CANCEL,
        device=request.device,
        options={"request_id": request.request_id},
    )
    return _exchange(client, topics, asking, time.monotonic() + CANCEL_S, lambda step: None)


def _exchange(
    client: MqttClient, topics: Topics, request: ServiceRequest, deadline: float,
    on_progress: Callable[[ServiceProgress], None], *, greeted: bool = False,
) -> ServiceReply:  # fmt: skip
    answers: queue.Queue[Answer] = queue.Queue(1000)

    def take(kind: type[Answer]) -> Callable[[str, bytes], None]:
        def handler(topic: str, payload: bytes) -> None:
            answers.put_nowait(decode(kind, payload, topic))

        return handler

    seen = False
    with (
        client.subscribe(topics.service_progress(request.request_id), take(ServiceProgress)),
        client.subscribe(topics.service_reply(request.request_id), take(ServiceReply)),
    ):
        connections, again_s = client.connections, list[float]()
        client.publish(topics.service_request, encode(request))
        while (left := deadline - (now := time.monotonic())) > 0:
            if client.connections != connections:
                connections, again_s = client.connections, [now + after for after in _AGAIN_S]
            if again_s and now >= again_s[0]:
                del again_s[0]
                client.publish(topics.service_request, encode(request))
            try:
                answer = answers.get(timeout=min(left, _LOOK_AGAIN_S))
            except queue.Empty:
                continue
            if isinstance(answer, ServiceReply):
                return answer
            seen, again_s = True, []
            deadline = max(deadline, time.monotonic() + STILL_S)
            on_progress(answer)
    if seen or greeted:
        what = "began" if seen else "is there and was asked to"
        raise UnreachableError(
            "search service",
            f"{what} {request.verb.value} but gave no answer in time; it goes on, one thing after another: "
            "nasc-sdk watch shows when it is done, a longer --timeout waits for it",
        )
    raise UnreachableError(
        "search service", f"no search service answered on {client.address}; start one with: nasc-sdk up"
    )
