"""One plan to one device and its Profile back: asked again and again, so that a device that was away hears of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Final

from nasc_sdk.errors import RefusedError, StoppedError, UnreachableError
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.profiling.plan import ProfilePlan
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.protocol.messages import (
    Capabilities,
    ProfileCancel,
    ProfileProgress,
    ProfileRequest,
    ProfileResult,
    Role,
    State,
    encode,
)
from nasc_sdk.protocol.topics import Topics
from nasc_search.service.mailbox import Mailbox

Progress = Callable[[int, int, str], None]
ONLINE_TIMEOUT_S: Final = 5.0
SILENT_S: Final = 600.0
"""A device may measure as long as it says how far it is: over a slow serial line a plan takes hours."""
LONGEST_S: Final = 12 * 3600.0
RESULT: Final = "profile"
PROGRESS: Final = "profile-progress"
"""Kinds of the mailbox; keys are those of the requests."""
_LOOK_S: Final = 0.5
_ASK_AGAIN_LOOKS: Final = 10
_STOP_S: Final = 5.0


class Measuring:
    """What ``profile`` and ``calibrate`` share: who is online, and measuring a plan there.

    ``check`` is called every now and then while a device measures; what it raises stops the device.
    """

    def __init__(
        self, client: MqttClient, site: str, shelf: ArtifactShelf, mailbox: Mailbox, check: Callable[[], None]
    ) -> None:
        self._client, self._site, self._shelf, self._mailbox, self._check = client, site, shelf, mailbox, check

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
        try:
            return _profile_of(self._await(device, request, progress), device)
        finally:
            for kind in (RESULT, PROGRESS):
                self._mailbox.take(kind, request.request_id)
            self._shelf.drop(artifact.sha256)

    def _await(self, device: str, request: ProfileRequest, progress: Progress) -> ProfileResult:
        """The device's answer to a request, which is put again and again; without one the device is told to stop."""
        topic, told, heard_s = Topics(self._site, device).profile_request, None, time.monotonic()
        try:
            for look in range(round(LONGEST_S / _LOOK_S)):
                if time.monotonic() - heard_s > SILENT_S:
                    break
                if look % _ASK_AGAIN_LOOKS == 0:
                    self._client.publish(topic, encode(request))
                result = self._mailbox.wait(RESULT, request.request_id, ProfileResult, _always, _LOOK_S)
                if result is not None:
                    return result
                newest = self._mailbox.get(PROGRESS, request.request_id, ProfileProgress)
                if newest is not None and newest != told:
                    told, heard_s = newest, time.monotonic()
                    progress(newest.done, newest.total, f"{device}: {newest.label}")
                self._check()
        except StoppedError as error:
            raise StoppedError(f"{error}; {self._stop(device, request)}") from error
        self._stop(device, request)
        most = f"it may say nothing for {SILENT_S:g} s, and take {LONGEST_S / 3600:g} h"
        raise UnreachableError(device, f"gave no profile; {most}")

    def _stop(self, device: str, request: ProfileRequest) -> str:
        """Whether the device did."""
        cancel = ProfileCancel(request_id=request.request_id)
        self._client.publish(Topics(self._site, device).profile_cancel, encode(cancel))
        answer = self._mailbox.wait(RESULT, request.request_id, ProfileResult, _always, _STOP_S)
        return f"{device} measures no more" if answer else f"{device} has not said within {_STOP_S:g} s that it stopped"


def _always(_: object) -> bool:
    return True


def _profile_of(result: ProfileResult, device: str) -> Profile:
    if result.profile is None:
        raise RefusedError(result.code or "profile_failed", f"{device} could not profile: {result.reason}")
    return result.profile
