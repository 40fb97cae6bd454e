"""MQTT topic names: ``nasc/v1/<site>/<device>/...``, one function a topic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nasc_sdk.errors import InputError

ROOT: Final = "nasc/v1"
SERVICE: Final = "service"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def device_of(topic: str) -> str:
    """Whose topic it is; for what came through a filter of :class:`Topics`."""
    return topic.split("/")[3]


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics of one device at one site; ``+`` as the device makes subscription filters."""

    site: str
    device: str

    def __post_init__(self) -> None:
        for name in (self.site, self.device):
            if name != "+" and not _NAME.fullmatch(name):
                raise InputError(f"{name!r} is no name for a topic: use letters, digits, dot, dash, underscore")

    def _topic(self, leaf: str) -> str:
        return f"{ROOT}/{self.site}/{self.device}/{leaf}"

    @property
    def state(self) -> str:
        """Retained State; also the last will."""
        return self._topic("state")

    @property
    def profile_request(self) -> str:
        """ProfileRequest, to the device."""
        return self._topic("profile/request")

    @property
    def profile_progress(self) -> str:
        """ProfileProgress, from the device, QoS 0."""
        return self._topic("profile/progress")

    @property
    def profile_cancel(self) -> str:
        """ProfileCancel, to the device."""
        return self._topic("profile/cancel")

    @property
    def profile_result(self) -> str:
        """ProfileResult, from the device."""
        return self._topic("profile/result")

    @property
    def link(self) -> str:
        """LinkReport, from the board."""
        return self._topic("link")

    @property
    def deploy_desired(self) -> str:
        """Retained DeployDesired, to the device."""
        return self._topic("deploy/desired")

    @property
    def deploy_reported(self) -> str:
        """Retained DeployReported, from the device."""
        return self._topic("deploy/reported")

    @property
    def latency(self) -> str:
        """LatencyReport, from the board, QoS 0."""
        return self._topic("latency")

    def artifact_request(self, sha256: str) -> str:
        """ArtifactRequest, from the device."""
        return self._topic(f"artifact/{sha256}/request")

    def artifact_chunk(self, sha256: str, index: int | str) -> str:
        """Chunk, to the device; ``+`` as the index subscribes to all."""
        return self._topic(f"artifact/{sha256}/chunk/{index}")

    @property
    def service_request(self) -> str:
        """ServiceRequest, to the search service (device is ``service``)."""
        return self._topic("request")

    def service_progress(self, request_id: str) -> str:
        """ServiceProgress, QoS 0."""
        return self._topic(f"progress/{request_id}")

    def service_reply(self, request_id: str) -> str:
        """ServiceReply."""
        return self._topic(f"reply/{request_id}")

    @property
    def service_event(self) -> str:
        """ServiceEvent, from the search service."""
        return self._topic("event")
