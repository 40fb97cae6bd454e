"""A microcontroller as the agent's machine: the bridge speaks MQTT for it.

    agent (MQTT, trust, edge server) -> BoardMachine -> SmpClient -> serial port -> firmware

The board holds two plans, each in a slot; the agent may hold several heads at once, a split one and its fallback. A
head that is to run and is not loaded is selected, which writes no flash, where a slot has it, and uploaded where none
does. Requests wait meanwhile.

Packing and entropy coding of what crosses the cut is done here, on the bridge: so it is timed here, too.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np

from nasc_sdk.agent.machine import Busy
from nasc_sdk.entropy import known_codings
from nasc_sdk.errors import InputError, RefusedError, UnreachableError
from nasc_sdk.mcu.compile import compile_model
from nasc_sdk.mcu.plan import FIRMWARE
from nasc_sdk.mcu.session import BoardSession, Compiled
from nasc_sdk.profiling.coding import Direction, measure_coding
from nasc_sdk.profiling.conditions import conditions_after, read_conditions
from nasc_sdk.profiling.measure import Progress
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan
from nasc_sdk.profiling.profile import Measurement, Profile, TimeUnit, Timing
from nasc_sdk.profiling.speed import process_speed
from nasc_sdk.protocol.messages import Capabilities, ProfileRequest
from nasc_sdk.runtime.arrays import fit_dtype
from nasc_sdk.runtime.base import Array, Kernels, Session
from nasc_sdk.runtime.check import check_models
from nasc_sdk.runtime.select import open_runtime

_REPEATS: Final = 3
"""Runs of each unit of a profile: a microcontroller has nothing else to do, they hardly differ."""
_SEED: Final = 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clock:
    """How long a count is. Of an emulated board only what somebody assumes: instructions a second."""

    counts_per_s: float
    label: str
    """Said next to every figure; empty where the board's own clock tells."""

    def seconds(self, counts: float) -> float:
        """Of so many counts."""
        return counts / self.counts_per_s


def clock_of(session: BoardSession, instructions_per_s: float = 0.0) -> Clock:
    """The board's; raises InputError for an emulated one without an assumption, and for a real one with it."""
    emulated = session.counter.unit is TimeUnit.INSTRUCTIONS
    if not emulated:
        if instructions_per_s:
            raise InputError(f"{session.board.name} has a clock of its own: leave --instructions-per-s out")
        return Clock(float(session.hello.time_hz), "")
    if not instructions_per_s:
        raise InputError(
            f"{session.board.name} is emulated, its counts are instructions: say how many a second are to be assumed, "
            f"for example --instructions-per-s {session.hello.clock_hz} (one each cycle of its clock)"
        )
    label = f"simulated: an emulated board's instructions, {instructions_per_s:g} a second"
    return Clock(instructions_per_s, label)


class BoardMachine:
    """Implements :class:`nasc_sdk.agent.machine.Machine`; thread-safe."""

    def __init__(self, session: BoardSession, clock: Clock, device: str, busy: Busy) -> None:
        self._session, self._clock, self._device, self._busy = session, clock, device, busy
        self._reference = open_runtime("auto")
        self._lock = threading.RLock()
        self._running = ""
        """Digest of the plan that is loaded."""
        hello = session.hello
        self.runtime = f"{FIRMWARE} {hello.firmware_version}"
        self.kernels = hello.kernels
        conditions = read_conditions(self._reference, Kernels.REFERENCE, 1, label=clock.label)
        self.capabilities = Capabilities(
            conditions=replace(
                conditions, runtime=self.runtime, kernels=hello.kernels, machine=hello.board, processor=hello.core,
                governor="", frequency_mhz=hello.clock_hz / 1e6, temperature_c=0.0, time_source=hello.time_source,
            ),
            arena_bytes=hello.arena_bytes,
            flash_bytes=2 * hello.slot_bytes,
            entropy=known_codings(),
        )  # fmt: skip

    def check(self, models: Sequence[tuple[str, bytes]]) -> None:
        """In a child process, on this machine's reference kernels, then by compiling them."""
        check_models(models, runtime=self._reference, kernels=Kernels.REFERENCE)
        for name, model in models:
            compile_model(model, self._session.packing, name)

    def load(self, model: bytes, name: str) -> Session:
        """Compiled and brought to the board; RefusedError where it does not fit."""
        head = _BoardHead(self, self._session.compile(model, name))
        self._with_head(head, lambda: None, keep=True)
        return head

    def keep_thread(self) -> None:
        """Any thread will do."""

    def profile(self, plan: ProfilePlan, request: ProfileRequest, progress: Progress) -> Profile:
        """Every unit on the board, one after the other, requests in between; medians in microseconds of the clock."""
        self.check([(item.key, item.model) for item in plan.items])
        started_unix_s, started = time.time(), time.monotonic()
        found: list[tuple[PlanItem, Measurement]] = []
        with self._busy():
            for done, item in enumerate(plan.items):
                progress(done, len(plan.items), item.title)
                found.append((item, self._measured(item, min(request.rounds, _REPEATS))))
            progress(len(plan.items), len(plan.items), "packing and entropy coding")
            coding = self._coding(plan.payloads, request.rounds)
        return Profile(
            device=self._device,
            conditions=conditions_after(self.capabilities.conditions, ()),
            blocks=tuple(measured for item, measured in found if not item.whole),
            heads=tuple(measured for item, measured in found if item.whole),
            started_unix_s=started_unix_s,
            duration_s=time.monotonic() - started,
            notes=(self._clock.label,) if self._clock.label else (),
            coding=coding,
        )

    def _coding(self, payloads: Sequence[bytes], rounds: int) -> tuple[Measurement, ...]:
        if not payloads:
            return ()
        resolution_ns = 1e9 * time.get_clock_info("perf_counter").resolution
        rng = np.random.default_rng(_SEED)
        return measure_coding(payloads, Direction.SENDS, rounds, process_speed(), rng, resolution_ns)

    def run(self, session: Session, given: Array) -> tuple[Array, float]:
        """On the board; milliseconds by this machine's clock, or of an emulated board by the speed that is assumed."""
        started = time.perf_counter()
        assert isinstance(session, _BoardHead)  # what load gave
        session.feed(given)
        counts = self.invoke(session)
        seconds = self._clock.seconds(counts) if self._clock.label else time.perf_counter() - started
        return session.fetch(), 1e3 * seconds

    def invoke(self, head: _BoardHead) -> float:
        """One run of a head on what it was fed; its counts."""
        return self._with_head(head, lambda: head.infer(self._session))

    def _with_head(self, head: _BoardHead, call: Callable[[], T], *, keep: bool = False) -> T:
        """What ``call`` says while the board has this head loaded.

        Once more where the board refuses, for it was reset and runs what it kept, or is gone, for it may be back.
        """
        with self._lock:
            try:
                self._bring(head, keep)
                return call()
            except RefusedError:
                self._running = ""
            except UnreachableError:
                self._running = ""
                self._session.reconnect()
            self._bring(head, keep)
            return call()

    def _bring(self, head: _BoardHead, keep: bool) -> None:
        if self._running != head.compiled.sha256:
            self._running = ""
            self._session.bring(head.compiled, keep=keep)
            self._running = head.compiled.sha256

    def _measured(self, item: PlanItem, repeats: int) -> Measurement:
        name = item.title or item.key
        head = _BoardHead(self, self._session.compile(item.model, name))
        if item.dtype != "int8" or len(item.input) != head.inputs[0].nbytes:
            brought = f"{len(item.input)} bytes of {item.dtype}"
            raise InputError(f"{item.key}: the plan brings {brought}, the model takes {head.inputs[0]}")
        runs = self._with_head(head, lambda: [self._session.infer(item.input) for _ in range(repeats)])
        us = [1e6 * self._clock.seconds(counts) for counts, _ in runs]
        timing = Timing(float(np.median(us)), float(np.percentile(us, 95)), min(us), len(us))
        digest = hashlib.sha256(runs[-1][1]).hexdigest()
        return Measurement(item.key, item.title, item.shape, timing, output_sha256=digest)


class _BoardHead:
    """A model that the board runs; implements :class:`nasc_sdk.runtime.base.Session`."""

    def __init__(self, machine: BoardMachine, compiled: Compiled) -> None:
        plan = compiled.plan
        self._machine, self.compiled, self.name = machine, compiled, compiled.name
        self.inputs, self.outputs = (plan.input_info,), (plan.output_info,)
        self.fed = bytes(self.inputs[0].nbytes)
        self._output = bytes(self.outputs[0].nbytes)

    def feed(self, array: Array, index: int = 0) -> None:
        """InputError on a misfit."""
        info = self.inputs[index]
        if array.shape != info.shape:
            raise InputError(f"{self.name} takes {info}, not {array.shape}")
        self.fed = fit_dtype(array, info, self.name).tobytes()

    def infer(self, session: BoardSession) -> float:
        """On the board, which has this head loaded; the counts."""
        counts, self._output = session.infer(self.fed)
        return counts

    def invoke(self) -> None:
        """UnreachableError when the board is gone, RefusedError when it refuses."""
        self._machine.invoke(self)

    def fetch(self, index: int = 0) -> Array:
        """As the board answered."""
        return np.frombuffer(self._output, np.int8).reshape(self.outputs[index].shape).copy()

    def run(self, array: Array) -> Array:
        """Feed, invoke, fetch."""
        self.feed(array)
        self.invoke()
        return self.fetch()
