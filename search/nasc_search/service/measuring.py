"""One plan to one device and its Profile back: asked once, and again when the device comes back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

from nasc_sdk.errors import RefusedError, UnreachableError
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.profiling.plan import ProfilePlan
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.protocol.messages import Capabilities, ProfileProgress, ProfileRequest, ProfileResult, Role, State, encode
from nasc_sdk.protocol.topics import Topics
from nasc_search.service.mailbox import Mailbox

Progress = Callable[[int, int, str], None]
ONLINE_TIMEOUT_S: Final = 5.0
PROFILE_TIMEOUT_S: Final = 600.0
_ASK_AGAIN_S: Final = 5.0


class Measuring:
    """What ``profile`` and ``calibrate`` share: who is online, and measuring a plan there."""

    def __init__(self, client: MqttClient, site: str, shelf: ArtifactShelf, mailbox: Mailbox) -> None:
        self._client, self._site, self._shelf, self._mailbox = client, site, shelf, mailbox
        self._watching: dict[str, Callable[[ProfileProgress], None]] = {}

    def on_progress(self, message: ProfileProgress) -> None:
        """From a device, on the MQTT thread."""
        watcher = self._watching.get(message.request_id)
        if watcher is not None:
            watcher(message)

    def online(self, device: str) -> tuple[Role, Capabilities]:
        """What the device is and can do; UnreachableError when it is not there."""
        state = self._mailbox.wait("state", device, State, lambda state: state.online, ONLINE_TIMEOUT_S)
        if state is None or state.capabilities is None:
            raise UnreachableError(device, f"no such device is online at site {self._site}; see: nasc-sdk status")
        return state.role, state.capabilities

    def measure(
        self, device: str, plan: ProfilePlan, rounds: int, progress: Progress, *, power: bool = True
    ) -> Profile:
        """The plan's profile, with the device's ``power`` where it has a sensor.

        RefusedError when the device could not, UnreachableError when it is silent.
        """
        artifact = self._shelf.put(plan.pack())
        request = ProfileRequest(request_id=uuid.uuid4().hex, plan=artifact, rounds=rounds, power=power)
        topic = Topics(self._site, device).profile_request
        self._watching[request.request_id] = lambda m: progress(m.done, m.total, f"{device}: {m.label}")
        try:
            waited = 0.0
            while waited < PROFILE_TIMEOUT_S:
                self._client.publish(topic, encode(request))
                result = self._mailbox.wait("profile", request.request_id, ProfileResult, _always, _ASK_AGAIN_S)
                if result is not None:
                    return _profile_of(result, device)
                waited += _ASK_AGAIN_S
        finally:
            self._mailbox.take("profile", request.request_id)
            del self._watching[request.request_id]
            self._shelf.drop(artifact.sha256)
        raise UnreachableError(device, f"gave no profile within {PROFILE_TIMEOUT_S:.0f} s")


def _always(_: object) -> bool:
    return True


def _profile_of(result: ProfileResult, device: str) -> Profile:
    if result.profile is None:
        raise RefusedError(result.code or "profile_failed", f"{device} could not profile: {result.reason}")
    return result.profile
