"""Asks the search service to profile a device and waits for the answer."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from nasc_sdk.errors import RefusedError, RemoteProtocolError
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.protocol.messages import ServiceProgress, ServiceReply, ServiceRequest, ServiceVerb
from nasc_sdk.protocol.topics import SERVICE, Topics

if TYPE_CHECKING:
    from nasc_sdk.profiling.measure import Progress


class RemoteProfile(msgspec.Struct, frozen=True):
    """The service's document for the verb ``profile``."""

    profile: Profile
    edge_profile: Profile | None = None
    fit: dict[str, Any] = {}
    """Errors of the cost model fitted on it, as the service states them."""


def profile_remote(
    broker_url: str,
    site: str,
    device: str,
    *,
    rounds: int,
    timeout_s: float,
    progress: Progress,
) -> RemoteProfile:
    """Have a device profiled; raises RemoteError when it does not answer or cannot."""
    from nasc_sdk.mqtt.ask import ask
    from nasc_sdk.mqtt.client import MqttClient

    def show(step: ServiceProgress) -> None:
        progress(step.done, step.total, step.label)

    request_id = uuid.uuid4().hex
    request = ServiceRequest(
        request_id=request_id, verb=ServiceVerb.PROFILE, device=device, options={"rounds": rounds}
    )
    client = MqttClient(broker_url, f"nasc-profile-{request_id[:12]}")
    try:
        client.connect()
        reply = ask(client, Topics(site, SERVICE), request, timeout_s=timeout_s, on_progress=show)
    finally:
        client.close()
    return read_reply(reply)


def read_reply(reply: ServiceReply) -> RemoteProfile:
    """The profiles of a reply; raises RefusedError with the reply's exit code, RemoteProtocolError."""
    if reply.exit_code:
        refused = RefusedError("profile", reply.error or "the service gave no reason")
        refused.exit_code = reply.exit_code
        raise refused
    try:
        return msgspec.json.decode(reply.document, type=RemoteProfile)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RemoteProtocolError("reply of the service", f"not profiles: {error}") from error
