"""The search service: MQTT at its edge, one worker that does what is asked, in order.

Messages arrive on the client's thread and only go into the mailbox or the (bounded) queue of jobs; the worker
profiles, searches and deploys. Adapting to what a board reports is a job like any other, so at most one rollout runs
at a time.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nasc_sdk.errors import InputError, NascError, StoppedError, UnreachableError
from nasc_sdk.mqtt.artifacts import ArtifactShelf
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import (
    DeployReported,
    LatencyReport,
    LinkReport,
    Message,
    ProfileProgress,
    ProfileResult,
    ServiceEvent,
    ServiceProgress,
    ServiceReply,
    ServiceRequest,
    ServiceVerb,
    State,
    decode,
    encode,
)
from nasc_sdk.protocol.topics import SERVICE, Topics
from nasc_search.joint.explain import asked
from nasc_search.service.adapting import Adapting, announcement
from nasc_search.service.calibrating import Calibrating
from nasc_search.service.deploying import Deploying
from nasc_search.service.mailbox import Mailbox
from nasc_search.service.mapping import map_regimes
from nasc_search.service.measuring import PROGRESS, RESULT, Measuring
from nasc_search.service.planner import Planner
from nasc_search.service.profiling import Profiling
from nasc_search.service.records import Deployment, Goal
from nasc_search.service.requests import Requests
from nasc_search.service.rollout import REPORTED, Rollout
from nasc_search.service.searching import Searching
from nasc_search.service.store import Store
from nasc_search.service.workshop import Workshop

MAX_JOBS: Final = 32
INTERRUPTED: Final = 130
"""What a command ends with whose request was given up, as after Ctrl-C."""
_END_S: Final = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    """Something for the worker."""

    name: str
    run: Callable[[], None]


class Service:
    """Owns client, store, workshop and planner; ``start`` connects, ``close`` ends the threads."""

    def __init__(
        self, client: MqttClient, site: str, store: Store, workshop: Workshop, planner: Planner, weights: str
    ) -> None:
        self._client, self._site, self._store = client, site, store
        self._mailbox = Mailbox()
        shelf = ArtifactShelf(client, site)
        rollout = Rollout(client, site, shelf, store, self._mailbox)
        self._rollout = rollout
        self._searching = Searching(store, planner, self._mailbox)
        self._requests = Requests()
        self._measuring = Measuring(client, site, shelf, self._mailbox, self._requests.check)
        self._profiling = Profiling(self._measuring, store, workshop, planner.catalogue)
        self._calibrating = Calibrating(self._measuring, store, workshop, planner)
        self._deploying = Deploying(store, self._mailbox, workshop, planner, self._searching, rollout, weights)
        self._adapting = Adapting(store, self._mailbox, self._deploying, self._enqueue, self._event)
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MAX_JOBS)
        self._answered: dict[str, bytes] = {}
        self._answering = threading.Lock()
        """Answers are kept on the MQTT thread and by the worker."""
        self._worker = threading.Thread(target=self._work, name="service", daemon=True)

    def start(self, timeout_s: float = 10.0) -> None:
        """Subscribe and connect; raises UnreachableError."""
        every = Topics(self._site, "+")
        self._on(every.state, State, self._on_state)
        self._on(every.deploy_reported, DeployReported, lambda m: self._mailbox.put(REPORTED, m.device, m))
        self._on(every.profile_result, ProfileResult, lambda m: self._mailbox.put(RESULT, m.request_id, m))
        self._on(every.profile_progress, ProfileProgress, lambda m: self._mailbox.put(PROGRESS, m.request_id, m))
        self._on(every.link, LinkReport, self._adapting.on_link)
        self._on(every.latency, LatencyReport, self._adapting.on_latency)
        self._on(Topics(self._site, SERVICE).service_request, ServiceRequest, self._on_request)
        self._rollout.restore()
        self._client.connect(timeout_s)
        self._worker.start()

    def close(self) -> None:
        """Give the present job half a minute to finish, then end."""
        # When the queue is full, the worker ends with the process.
        with contextlib.suppress(queue.Full):
            self._jobs.put_nowait(None)
        self._worker.join(_END_S)
        self._client.close()
        self._store.close()

    def _on(self, topic: str, kind: type[Any], handle: Callable[[Any], None]) -> None:
        def receive(name: str, payload: bytes) -> None:
            if payload:  # an empty payload takes a retained message back
                handle(decode(kind, payload, name))

        self._client.subscribe(topic, receive)

    def _on_state(self, state: State) -> None:
        self._mailbox.put("state", state.device, state)
        if state.online:
            self._store.put("state", state.device, state)

    def _on_request(self, request: ServiceRequest) -> None:
        done = self._answered.get(request.request_id)
        if done is not None:
            self._publish(request, done)
        elif request.verb is ServiceVerb.STATUS:
            # Not kept: whoever looks often would drive out answers that took hours.
            self._publish(request, encode(_reply_to(request, self._status(request.device))))
        elif request.verb is ServiceVerb.CANCEL:
            text = self._requests.give_up(request)
            if text is not None:
                self._reply(request, {"text": text})
        elif self._requests.accept(request):  # else it was asked again after a lost connection
            try:
                self._enqueue(request.verb.value, lambda: self._serve(request))
            except UnreachableError as error:
                self._requests.end(request, error)
                self._refuse(request, error)

    def _enqueue(self, name: str, run: Callable[[], None]) -> None:
        try:
            self._jobs.put_nowait(_Job(name, run))
        except queue.Full:
            raise UnreachableError("search service", f"{MAX_JOBS} jobs are waiting already") from None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job.run()
            except Exception:
                # One failed job must not end the service; its sender was answered or sees an event.
                _log.exception("job %s failed", job.name)

    def _serve(self, request: ServiceRequest) -> None:
        failure: Exception | None = None
        try:
            self._requests.begin(request)
            self._reply(request, self._answer(request))
        except NascError as error:
            failure = error
            self._refuse(request, error)
        except Exception as error:
            failure = error
            self._refuse(request, error)
            raise
        finally:
            given_up = self._requests.end(request, failure)
            if given_up is not None:
                self._reply(given_up[0], {"text": given_up[1]})

    def _answer(self, request: ServiceRequest) -> Any:
        """The document of a request."""

        def tell(done: int, total: int, label: str) -> None:
            self._requests.tell(done, total, label)
            message = ServiceProgress(request_id=request.request_id, done=done, total=total, label=label)
            topic = Topics(self._site, SERVICE).service_progress(request.request_id)
            self._client.publish(topic, encode(message), qos=0)

        def tell_and_check(done: int, total: int, label: str) -> None:
            tell(done, total, label)
            self._requests.check()

        match request.verb:
            case ServiceVerb.PROFILE:
                return self._profiling.run(request.device, request.options, tell_and_check)
            case ServiceVerb.CALIBRATE:
                return self._calibrating.run(request.device, request.options, tell_and_check)
            case ServiceVerb.COST_MODEL:
                return self._searching.cost_document(request.device)
            case ServiceVerb.SEARCH:
                return self._searching.run(request.device, request.options)
            case ServiceVerb.MAP:
                return map_regimes(self._searching, request.device, request.options)
            case ServiceVerb.DEPLOY:
                answer = self._deploying.run(request.device, request.options, tell)
                deployment = answer.deployment
                self._event(request.device, "deployed", announcement(deployment), deployment)
                return answer
            case _:
                raise InputError(f"unknown verb {request.verb}")

    def _event(self, device: str, event: str, text: str, document: Any = None) -> None:
        message = ServiceEvent(
            device=device,
            event=event,
            text=text,
            unix_s=time.time(),
            document=msgspec.Raw(msgspec.json.encode(document)),
        )
        self._client.publish(Topics(self._site, SERVICE).service_event, encode(message))

    def _status(self, device: str) -> dict[str, Any]:
        goal = self._store.get("goal", device, Goal)
        return {
            "goal": goal,
            "goal_text": None if goal is None else f"{asked(goal.constraints)}{'' if goal.automatic else '; once'}",
            "deployments": self._store.deployments(device, Deployment, 5),
            "link": self._mailbox.get("link", device, LinkReport),
            "latency": self._mailbox.get("latency", device, LatencyReport),
            "jobs_waiting": self._jobs.qsize(),
            "running": self._requests.running,
        }

    def _reply(self, request: ServiceRequest, document: Any) -> None:
        self._send(request, _reply_to(request, document))

    def _refuse(self, request: ServiceRequest, error: Exception) -> None:
        code = error.exit_code if isinstance(error, NascError) else 1
        code = INTERRUPTED if isinstance(error, StoppedError) else code
        text = str(error) if isinstance(error, NascError) else f"{type(error).__name__}: {error}"
        self._send(request, ServiceReply(request_id=request.request_id, exit_code=code, error=text[:4096]))

    def _send(self, request: ServiceRequest, reply: Message) -> None:
        payload = encode(reply)
        with self._answering:
            while len(self._answered) >= MAX_JOBS:
                self._answered.pop(next(iter(self._answered)))
            self._answered[request.request_id] = payload
        self._publish(request, payload)

    def _publish(self, request: ServiceRequest, reply: bytes) -> None:
        self._client.publish(Topics(self._site, SERVICE).service_reply(request.request_id), reply)


def _reply_to(request: ServiceRequest, document: Any) -> ServiceReply:
    return ServiceReply(request_id=request.request_id, document=msgspec.Raw(msgspec.json.encode(document)))

