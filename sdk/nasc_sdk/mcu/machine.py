"""A microcontroller as the agent's machine: the bridge speaks MQTT for it.

    agent (MQTT, trust, edge server) -> BoardMachine -> SmpClient -> serial port -> firmware

The board holds two plans, each in a slot; the agent holds a split head and its fallback. A head that is to run and is
not loaded is selected, which writes no flash, where a slot has it, and uploaded where none does; requests wait
meanwhile. Who takes whose slot:

Rule 1: a head that is installed takes that of the head that it replaces, never that of one that stays. While the
    installation lasts, one that was overwritten is refused, and its fallback answers.
Rule 2: units of a profile take that of the head that did not serve last; it is brought back when the profile ends.

Packing and entropy coding of what crosses the cut is done here, on the bridge: so it is timed here, too. What the
serial line takes of a request is :mod:`nasc_sdk.mcu.serial_line`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from nasc_sdk.agent.machine import Busy
from nasc_sdk.entropy import known_codings
from nasc_sdk.errors import InputError, RefusedError, UnreachableError
from nasc_sdk.mcu.clock import Clock
from nasc_sdk.mcu.compile import compile_model
from nasc_sdk.mcu.plan import FIRMWARE
from nasc_sdk.mcu.serial_line import line_steps
from nasc_sdk.mcu.session import BoardSession, Compiled
from nasc_sdk.mcu.unfinished import Unfinished, Unit
from nasc_sdk.profiling.coding import Direction, measure_coding
from nasc_sdk.profiling.conditions import conditions_after, read_conditions
from nasc_sdk.profiling.measure import Progress
from nasc_sdk.profiling.plan import PlanItem, ProfilePlan
from nasc_sdk.profiling.profile import Measurement, Profile
from nasc_sdk.profiling.samples import summarize
from nasc_sdk.profiling.speed import process_speed
from nasc_sdk.protocol.messages import Capabilities, ProfileRequest
from nasc_sdk.runtime.arrays import fit_dtype
from nasc_sdk.runtime.base import Array, Kernels, Session
from nasc_sdk.runtime.check import check_models
from nasc_sdk.runtime.select import open_runtime

_REPEATS: Final = 3
"""Runs of each unit of a profile: a microcontroller has nothing else to do, they hardly differ."""
_SEED: Final = 20
_SLOTS: Final = 2
T = TypeVar("T")


class BoardMachine:
    """Implements :class:`nasc_sdk.agent.machine.Machine`; thread-safe."""

    def __init__(
        self, session: BoardSession, clock: Clock, device: str, folder: Path, busy: Busy,
        *, now_s: Callable[[], float] = time.perf_counter,
    ) -> None:  # fmt: skip
        """``folder`` keeps what an interrupted profile measured; raises StorageError."""
        self._session, self._clock, self._device, self._busy, self._now_s = session, clock, device, busy, now_s
        self._unfinished = Unfinished(folder)
        self._reference = open_runtime("auto")
        self._lock = threading.RLock()
        self._running = ""
        """Digest of the plan that is loaded."""
        self._held: list[_BoardHead] = []
        self._leaving: list[_BoardHead] = []
        self._served: _BoardHead | None = None
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

    @contextmanager
    def installing(self, staying: Sequence[Session]) -> Iterator[None]:
        """As :class:`nasc_sdk.agent.machine.Machine`."""
        with self._lock:
            before = self._held
            self._held = [head for head in before if head in staying]
            self._leaving = [head for head in before if head not in staying] if staying else []
        try:
            yield
        except BaseException:
            with self._lock:
                self._held = before
            raise
        finally:
            self._leaving = []

    def load(self, model: bytes, name: str) -> Session:
        """Compiled and brought to the board; RefusedError where it does not fit."""
        head = _BoardHead(self, self._session.compile(model, name))
        with self._lock:
            self._held.append(head)
            self._with_head(head, lambda: None)
        return head

    def keep_thread(self) -> None:
        """Any thread will do."""

    def profile(self, plan: ProfilePlan, request: ProfileRequest, progress: Progress) -> Profile:
        """Every unit on the board, one after the other, requests in between; medians in microseconds of the clock.

        Goes on where one before was interrupted (:mod:`nasc_sdk.mcu.unfinished`).
        """
        self.check([(item.key, item.model) for item in plan.items])
        started_unix_s, started = time.time(), time.monotonic()
        with self._busy():
            units, before = self._units(plan.items, min(request.rounds, _REPEATS), progress)
            progress(len(plan.items), len(plan.items), "packing and entropy coding")
            coding = self._coding(plan.payloads, request.rounds)
        duration_s = time.monotonic() - started
        for head in self._held[:_SLOTS]:
            self._with_head(head, lambda: None)
        self._unfinished.forget()
        earlier = f"{before} of {len(units)} units were measured before an interruption" if before else ""
        measured = list(zip(plan.items, (unit.measurement for unit in units), strict=True))
        return Profile(
            device=self._device,
            conditions=conditions_after(self.capabilities.conditions, ()),
            blocks=tuple(found for item, found in measured if not item.whole),
            heads=tuple(found for item, found in measured if item.whole),
            started_unix_s=started_unix_s,
            duration_s=duration_s,
            notes=tuple(filter(None, (self._clock.label, earlier))),
            coding=(*coding, *line_steps(units)),
        )

    def _units(self, items: Sequence[PlanItem], repeats: int, progress: Progress) -> tuple[list[Unit], int]:
        """In the plan's order, and how many of them had been measured."""
        hello, line = self._session.hello, self._session.board.serial
        board = (hello.unique_id, hello.board, hello.firmware_version, hello.kernels)
        setting = (*board, str(self._clock), str(repeats), str(line))
        units: list[Unit] = []
        before = 0
        for done, item in enumerate(items):
            # Told during uploads as well, which take many seconds: whoever is told may end it.
            tell = partial(progress, done, len(items), item.title)
            tell()
            if (unit := self._unfinished.find(setting, item)) is not None:
                before += 1
            else:
                try:
                    unit = self._measured(item, repeats, tell)
                except UnreachableError as error:
                    kept = f"{done} of {len(items)} units are kept: the profile goes on there when asked for again"
                    raise UnreachableError(error.peer, f"{error.reason}; {kept}") from error
                self._unfinished.keep(setting, item, unit)
            units.append(unit)
        return units, before

    def _coding(self, payloads: Sequence[bytes], rounds: int) -> tuple[Measurement, ...]:
        if not payloads:
            return ()
        resolution_ns = 1e9 * time.get_clock_info("perf_counter").resolution
        rng = np.random.default_rng(_SEED)
        return measure_coding(payloads, Direction.SENDS, rounds, process_speed(), rng, resolution_ns)

    def run(self, session: Session, given: Array) -> tuple[Array, float]:
        """On the board; milliseconds by this machine's clock, or of an emulated board by the speed that is assumed."""
        started = self._now_s()
        assert isinstance(session, _BoardHead)  # what load gave
        session.feed(given)
        counts = self.invoke(session)
        seconds = self._clock.seconds(counts) if self._clock.label else self._now_s() - started
        return session.fetch(), 1e3 * seconds

    def invoke(self, head: _BoardHead) -> float:
        """One run of a head on what it was fed; its counts."""
        self._served = head
        return self._with_head(head, lambda: head.infer(self._session))

    def _with_head(self, head: _BoardHead, call: Callable[[], T], tell: Callable[[], None] = lambda: None) -> T:
        """What ``call`` says while the board has this head loaded; ``tell`` is called while it is uploaded.

        Once more where the board refuses, for it was reset and runs what it kept, or is gone, for it may be back.
        """
        with self._lock:
            try:
                self._bring(head, tell)
                return call()
            except RefusedError:
                self._running = ""
            except UnreachableError:
                self._running = ""
                self._session.reconnect()
            self._bring(head, tell)
            return call()

    def _bring(self, head: _BoardHead, tell: Callable[[], None]) -> None:
        if self._running == head.compiled.sha256:
            return
        self._running = ""
        # What is committed already is selected, which writes no flash.
        missing = not self._session.has_committed(head.compiled)
        if missing and head in self._leaving:
            raise RefusedError("being_replaced", f"{head.name} is being replaced, the board does not hold it any more")
        beside = self._held if head in self._held else [self._served]
        others = [other.compiled.sha256 for other in beside if other is not None and other is not head]
        keep = missing and head in self._held
        self._session.bring(head.compiled, keep=keep, beside=others, progress=lambda *_: tell())
        self._running = head.compiled.sha256

    def _measured(self, item: PlanItem, repeats: int, tell: Callable[[], None]) -> Unit:
        name = item.title or item.key
        head = _BoardHead(self, self._session.compile(item.model, name))
        if item.dtype != "int8" or len(item.input) != head.inputs[0].nbytes:
            brought = f"{len(item.input)} bytes of {item.dtype}"
            raise InputError(f"{item.key}: the plan brings {brought}, the model takes {head.inputs[0]}")
        runs = self._with_head(head, lambda: [self._timed(item.input) for _ in range(repeats)], tell)
        output = runs[-1][2]
        timing = summarize([1e3 * run_us for run_us, _, _ in runs])
        digest = hashlib.sha256(output).hexdigest()
        measurement = Measurement(item.key, item.title, item.shape, timing, output_sha256=digest)
        # An emulated board has no line: what this machine takes to emulate it says nothing.
        line_us = () if self._clock.label else tuple(around_us for _, around_us, _ in runs)
        return Unit(measurement, len(item.input) + len(output), line_us)

    def _timed(self, content: bytes) -> tuple[float, float, bytes]:
        """Microseconds of a run by the board's clock, those beside it by this machine's, and the output."""
        started = self._now_s()
        counts, output = self._session.infer(content)
        whole_us, run_us = 1e6 * (self._now_s() - started), 1e6 * self._clock.seconds(counts)
        return run_us, max(whole_us - run_us, 0.0), output


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
