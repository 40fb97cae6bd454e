"""What runs heads and is profiled: this machine, or a board that a process of this machine speaks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from nasc_sdk.agent.options import Options
from nasc_sdk.agent.pipeline import run_here
from nasc_sdk.entropy import known_codings
from nasc_sdk.profiling.coding import Direction
from nasc_sdk.profiling.conditions import read_conditions
from nasc_sdk.profiling.measure import Progress, measure
from nasc_sdk.profiling.plan import ProfilePlan
from nasc_sdk.profiling.power import find_sensor
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.profiling.speed import process_speed
from nasc_sdk.protocol.messages import Capabilities, ProfileRequest
from nasc_sdk.runtime.base import Array, Session, describe
from nasc_sdk.runtime.check import check_models
from nasc_sdk.runtime.select import open_runtime

Busy = Callable[[], AbstractContextManager[None]]


class Machine(Protocol):
    """Loads models, runs and times them. Sessions are run by one thread at a time, loading may go on beside them."""

    @property
    def runtime(self) -> str:
        """Name and version of what runs models."""

    @property
    def kernels(self) -> str:
        """Of its operators."""

    @property
    def capabilities(self) -> Capabilities:
        """What the search is told: conditions, memory, codings."""

    def check(self, models: Sequence[tuple[str, bytes]]) -> None:
        """Try (name, model) of unknown origin where nothing can be harmed; InputError for the first that fails."""

    def installing(self, staying: Sequence[Session]) -> AbstractContextManager[None]:
        """Entered while what is loaded inside replaces all that was loaded before, but for the sessions ``staying``.

        Left by an exception, nothing is replaced. Sessions that are replaced may be run until it is left.
        """

    def load(self, model: bytes, name: str) -> Session:
        """A checked model, ready to run; InputError when it cannot be."""

    def run(self, session: Session, given: Array) -> tuple[Array, float]:
        """One run of what :meth:`load` returned, and the milliseconds it took."""

    def keep_thread(self) -> None:
        """Called by each thread that runs heads, before it does."""

    def profile(self, plan: ProfilePlan, request: ProfileRequest, progress: Progress) -> Profile:
        """Time a plan of unknown origin; ``progress`` may raise, to stop it."""


class LocalMachine:
    """This machine, or the board that it plays (:class:`nasc_sdk.agent.options.Board`)."""

    def __init__(self, options: Options, busy: Busy) -> None:
        """Loads the runtime; raises RuntimeUnavailableError. ``busy`` is entered while a profile runs."""
        self._options, self._busy = options, busy
        self._board, self._kernels = options.board, options.board.kernels
        self._runtime = options.board.play(open_runtime(options.runtime_name))
        self.capabilities = Capabilities(
            conditions=read_conditions(self._runtime, self._kernels, options.threads, label=options.board.label),
            arena_bytes=options.arena_bytes,
            flash_bytes=options.flash_bytes,
            entropy=known_codings(),
        )

    @property
    def runtime(self) -> str:
        """As :class:`Machine`."""
        return describe(self._runtime)

    @property
    def kernels(self) -> str:
        """As :class:`Machine`."""
        return self._kernels.value

    def check(self, models: Sequence[tuple[str, bytes]]) -> None:
        """In a child process: a damaged model may crash the runtime, and the agent with it."""
        check_models(models, runtime=self._runtime, kernels=self._kernels)

    def installing(self, staying: Sequence[Session]) -> AbstractContextManager[None]:
        """There is room for all of them."""
        return nullcontext()

    def load(self, model: bytes, name: str) -> Session:
        """As :class:`Machine`."""
        return self._runtime.load(model, kernels=self._kernels, threads=self._options.threads, name=name)

    def run(self, session: Session, given: Array) -> tuple[Array, float]:
        """By this machine's clock."""
        return run_here(session, given)

    def keep_thread(self) -> None:
        """To the core of the board that is played."""
        self._board.keep_thread_to_core()

    def profile(self, plan: ProfilePlan, request: ProfileRequest, progress: Progress) -> Profile:
        """As :class:`Machine`."""
        self.check([(item.key, item.model) for item in plan.items])
        # Operators are timed in a process of their own, by the runtime's profiler, at its own speed.
        per_op = request.per_op and self._board.runs == 1
        # A machine that stands in for a board tells nothing of what the board takes.
        sensor = find_sensor() if request.power and not self._board.label else None
        with self._board.on_core(), self._busy():
            return measure(
                plan, self._runtime, self._kernels,
                device=self._options.device, rounds=request.rounds, threads=self._options.threads,
                progress=progress, per_op=per_op, label=self._board.label, sensor=sensor,
                speed=process_speed(), direction=Direction.SENDS,
            )  # fmt: skip
