"""The verb ``profile``: a plan to board and server, their profiles back, cost models fitted and kept."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nasc_sdk.errors import InputError, RefusedError, UnreachableError
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.profiling.plan import ProfilePlan
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.protocol.messages import ProfileProgress, ProfileRequest, ProfileResult, State, encode
from nasc_sdk.protocol.topics import Topics
from nasc_search.calibrate.design import Coverage, profile_design
from nasc_search.calibrate.fit import fit
from nasc_search.calibrate.report import FitReport
from nasc_search.joint.catalogue import Catalogue
from nasc_search.joint.in_service import ServedLog
from nasc_search.service.mailbox import Mailbox
from nasc_search.service.plans import make_plans
from nasc_search.service.searching import COST_MODEL, SERVED, Options
from nasc_search.service.store import Store
from nasc_search.service.target import target_of
from nasc_search.service.workshop import Workshop

Progress = Callable[[int, int, str], None]
ONLINE_TIMEOUT_S: Final = 5.0
PROFILE_TIMEOUT_S: Final = 600.0
_ASK_AGAIN_S: Final = 5.0
_HEADS: Final = 16


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """Document of the verb ``profile``."""

    profile: Profile
    edge_profile: Profile | None
    fit: dict[str, FitReport]
    text: str
    distinct_blocks: int
    """How many latency-distinct blocks the whole space holds."""


class Profiling:
    """Runs one profile at a time."""

    def __init__(
        self, client: MqttClient, site: str, shelf: ArtifactShelf, store: Store, mailbox: Mailbox,
        workshop: Workshop, catalogue: Catalogue,
    ) -> None:  # fmt: skip
        self._client, self._site, self._shelf, self._store = client, site, shelf, store
        self._mailbox, self._workshop, self._catalogue = mailbox, workshop, catalogue
        self._watching: dict[str, Callable[[ProfileProgress], None]] = {}

    def on_progress(self, message: ProfileProgress) -> None:
        """From a device, on the MQTT thread."""
        watcher = self._watching.get(message.request_id)
        if watcher is not None:
            watcher(message)

    def run(self, device: str, options: Options, progress: Progress) -> ProfileAnswer:
        """Profile board and server and fit both; UnreachableError when one is silent."""
        unknown = set(options) - {"rounds", "coverage", "seed", "edge"}
        if unknown:
            raise InputError(f"unknown options: {', '.join(sorted(unknown))}")
        try:
            coverage = Coverage(str(options.get("coverage", Coverage.EVERY.value)))
        except ValueError as error:
            raise InputError(f"{error}; known are: {', '.join(Coverage)}") from error
        rounds = int(options.get("rounds", 9))
        edge = str(options.get("edge", "edge"))
        state = self._online(device)
        self._online(edge)
        assert state.capabilities is not None
        target = target_of(state.capabilities.conditions)
        design = profile_design(self._catalogue, int(options.get("seed", 0)), coverage, heads=_HEADS)
        plans = make_plans(self._workshop, design, target.form, progress)
        board = self._measure(device, plans[0], rounds, progress)
        server = self._measure(edge, plans[1], rounds, progress)
        reports = {}
        for profile in (board, server):
            model, reports[profile.device] = fit(profile)
            self._store.put("profile", profile.device, profile)
            self._store.put(COST_MODEL, profile.device, model)
        # Observations were of the machine as it was: the new profile tells how it is.
        self._store.put(SERVED, device, ServedLog())
        text = "\n".join(str(report) for report in reports.values())
        return ProfileAnswer(board, server, reports, text, design.distinct)

    def _online(self, device: str) -> State:
        state = self._mailbox.wait("state", device, State, lambda state: state.online, ONLINE_TIMEOUT_S)
        if state is None or state.capabilities is None:
            raise UnreachableError(device, f"no such device is online at site {self._site}; see: nasc-sdk status")
        return state

    def _measure(self, device: str, plan: ProfilePlan, rounds: int, progress: Progress) -> Profile:
        """Ask once, and again when the device comes back from a loss of broker or power."""
        artifact = self._shelf.put(plan.pack())
        request = ProfileRequest(request_id=uuid.uuid4().hex, plan=artifact, rounds=rounds)
        topic = Topics(self._site, device).profile_request
        self._watching[request.request_id] = lambda m: progress(m.done, m.total, f"{device}: {m.label}")
        try:
            waited = 0.0
            while waited < PROFILE_TIMEOUT_S:
                self._client.publish(topic, encode(request))
                result = self._mailbox.wait(
                    "profile", request.request_id, ProfileResult, _always, _ASK_AGAIN_S
                )
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
