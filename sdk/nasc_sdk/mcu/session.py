"""A board that answers: at a serial port, or emulated here with firmware built for it.

    with open_session(find_board("mps2-an386")) as session:
        session.bring(session.compile(model, "head.tflite"))
        print(session.profile(9))

What does not fit is refused before anything is written, with the figures.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

from nasc_sdk.errors import InputError, RefusedError, RemoteProtocolError
from nasc_sdk.mcu.boards import Board, find_board, load_boards
from nasc_sdk.mcu.compile import compile_model, with_golden
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.plan import Plan, header_crc32
from nasc_sdk.mcu.ports import find_port
from nasc_sdk.mcu.rates import at_rate, open_any_client, open_client
from nasc_sdk.mcu.smp_client import Progress, SmpClient
from nasc_sdk.mcu.smp_messages import Hello, SlotState, TimeUnit
from nasc_sdk.profiling import profile as profiles

_UNITS: Final = {
    TimeUnit.CYCLES: profiles.TimeUnit.CYCLES,
    TimeUnit.TICKS: profiles.TimeUnit.TICKS,
}
_COUNTS_A_MAC: Final = 40.0
"""Plain kernels on a core without a cache take some 20: nobody waits for a run twice as long."""
_HOLDING: Final = frozenset({SlotState.COMPLETE, SlotState.ACTIVE, SlotState.PREVIOUS})


@dataclass(frozen=True, slots=True)
class Counter:
    """What the board's counts are: a real board's own unit; an emulated one's as instructions."""

    unit: profiles.TimeUnit
    per_count: float

    def of(self, counts: int) -> float:
        """Counts in ``unit``."""
        return counts * self.per_count


@dataclass(frozen=True, slots=True)
class Counts:
    """One run: of each operator, of the whole, and of one pair of hooks; in the session's unit."""

    operators: tuple[float, ...]
    whole: float
    hooks: float
    arena_used_bytes: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan for one kernel set, and its bytes."""

    name: str
    plan: Plan
    packed: bytes

    @property
    def sha256(self) -> str:
        """Hexadecimal; what the board's slots call it by."""
        return hashlib.sha256(self.packed).hexdigest()

    @property
    def crc32(self) -> int:
        """The checksum in its header."""
        return header_crc32(self.packed)


class BoardSession:
    """Raises UnreachableError, RefusedError, RemoteProtocolError from every call."""

    def __init__(self, board: Board, connect: Callable[[], SmpClient], *, emulated: bool) -> None:
        self.board, self.emulated = board, emulated
        self._connect = connect
        self._client, self.hello = self._open()
        self.counter = _counter(board, self.hello, emulated)
        self._plan_crc32 = self._output_bytes = 0

    def close(self) -> None:
        """Let go of the port."""
        self._client.close()

    def reconnect(self) -> None:
        """Open the port again, to the same board; UnreachableError while it is gone, RefusedError for another one."""
        self.close()
        client, hello = self._open()
        if hello.unique_id != self.hello.unique_id:
            # The session stays without a port: nothing may be asked of, or written to, a board that is not its own.
            client.close()
            raise RefusedError("wrong_board", f"another {self.board.name} is at the port than before")
        self._client, self.hello = client, hello

    def _open(self) -> tuple[SmpClient, Hello]:
        client = self._connect()
        try:
            return client, client.hello_of(self.board.name)
        except BaseException:
            client.close()
            raise

    @property
    def packing(self) -> Packing:
        """How weights are laid out for this board; RemoteProtocolError for a kernel set that is unknown here."""
        try:
            return Packing(self.hello.packing)
        except ValueError as error:
            known = f"{self.hello.kernels} ({self.hello.packing})"
            raise RemoteProtocolError(self.board.name, f"its kernel set {known} is unknown here") from error

    def compile(self, model: bytes, name: str) -> Compiled:
        """For this board, with the answer that it must give to the golden input; InputError where it cannot be."""
        from nasc_sdk.runtime.select import open_runtime

        plan = with_golden(compile_model(model, self.packing, name), model, open_runtime("auto"), name)
        return Compiled(name, plan, plan.pack())

    def bring(
        self, compiled: Compiled, *, keep: bool = False, beside: Collection[str] = (), progress: Progress | None = None
    ) -> None:
        """Run a plan from now on: from the slot that holds it, or uploaded.

        Until the board's next reset, unless it is to ``keep`` it: then it is what the board starts with. An upload
        spares a slot with one of the digests ``beside``, where the other has none. RefusedError with the figures where
        it does not fit, before anything is written.
        """
        _check_fits(compiled, self.hello)
        self._client.allow(_COUNTS_A_MAC * compiled.plan.macs / self.hello.clock_hz)
        states = self._states()
        state = states.get(compiled.sha256)
        if state is None:
            self._spare(beside, states)
            self._client.upload(compiled.packed, progress)
        if keep and state is SlotState.PREVIOUS:
            self._client.revert()
        elif keep and state is not SlotState.ACTIVE:
            self._client.commit(compiled.sha256)
        else:
            self._client.select(compiled.sha256)
        self._plan_crc32, self._output_bytes = compiled.crc32, prod(compiled.plan.output_shape)

    def has_committed(self, compiled: Compiled) -> bool:
        """Whether a slot holds it so that it outlives a reset."""
        return self._states().get(compiled.sha256) in (SlotState.ACTIVE, SlotState.PREVIOUS)

    def _states(self) -> dict[str, SlotState]:
        return {slot.sha256: slot.state for slot in self._client.slots() if slot.state in _HOLDING}

    def _spare(self, beside: Collection[str], states: dict[str, SlotState]) -> None:
        """The firmware overwrites the slot that is not active, never the other: so the one to be spared becomes active.

        A power cut leaves one of the two active as at any revert, and after it the one that is spared.
        """
        found = {states[sha256] for sha256 in beside if sha256 in states}
        if SlotState.PREVIOUS in found and SlotState.ACTIVE not in found:
            # What does not run any more need not be spared.
            with suppress(RefusedError):
                self._client.revert()

    def use_present(self) -> tuple[str, ...]:
        """Go on with the head that the board runs, whoever brought it; the names of what its operators write.

        RefusedError with the code ``no_head`` without one.
        """
        # How much such a head puts out, nobody here knows.
        self._plan_crc32, self._output_bytes = self._client.profile().plan_crc32, 0
        return self._client.names()

    def infer(self, content: bytes) -> tuple[float, bytes]:
        """One run on an int8 input: what it took, and its output.

        RefusedError with the code ``another_head`` when the board runs another plan than it was brought: it was reset.
        """
        run, output = self._client.infer(content)
        self._check_head(run.plan_crc32)
        if self._output_bytes and len(output) != self._output_bytes:
            size = f"{len(output)} bytes of output, the head gives {self._output_bytes}"
            raise RemoteProtocolError(self.board.name, size)
        return self.counter.of(run.whole_counts), output

    def _check_head(self, plan_crc32: int) -> None:
        if plan_crc32 != self._plan_crc32:
            raise RefusedError("another_head", f"{self.board.name} runs another head than was brought; was it reset?")

    def reset(self) -> None:
        """Restart the board and wait until it is back; UnreachableError when it does not come."""
        self._client.reset()
        self.hello = self._client.hello()

    def profile(self, repeats: int, progress: Callable[[int, int], None] | None = None) -> tuple[Counts, ...]:
        """As many runs, each with the counts of its operators."""
        runs = []
        for done in range(repeats):
            answer, operators = self._client.profile(), self._client.counts()
            self._check_head(answer.plan_crc32)
            if len(operators) != answer.operators:
                raise RemoteProtocolError(self.board.name, f"counts {len(operators)} of {answer.operators} operators")
            of = self.counter.of
            runs.append(
                Counts(
                    tuple(map(of, operators)), of(answer.whole_counts), of(answer.overhead_counts),
                    answer.arena_used_bytes,
                )
            )  # fmt: skip
            if progress is not None:
                progress(done + 1, repeats)
        return tuple(runs)


@contextmanager
def open_session(
    board: Board | None, port: str = "", *, baud: int | None = None, flash_image: Path | None = None
) -> Iterator[BoardSession]:
    """The board at a serial port; without a port an emulated one, or the one that is attached.

    Without a ``board`` it is what the board at the port says it is. ``baud`` is the rate that its firmware was built
    for, where that is not the board's usual one. ``flash_image`` is the file that an emulated board keeps its flash
    in, from one session to the next. Raises InputError, BuildError, MissingToolError, and what :class:`BoardSession`
    does.
    """
    if board is not None:
        board = at_rate(board, baud)
    if board is None or board.emulator is None:
        port = port or find_port(_needed(board), load_boards())
    if port:
        board = board or board_at(port, baud)
        with _session(board, port, emulated=False) as session:
            yield session
        return
    from nasc_sdk.mcu.build import build
    from nasc_sdk.mcu.emulator import EmulatedBoard

    board = _needed(board)
    with tempfile.TemporaryDirectory(prefix="nasc-firmware-") as folder:
        firmware = build(board, Path(folder))
        with (
            EmulatedBoard(board, firmware.elf, flash_image=flash_image) as machine,
            _session(board, machine.port, emulated=True) as session,
        ):
            yield session


def board_at(port: str, baud: int | None = None) -> Board:
    """What the board at a port says it is; it is asked at the usual rate unless another is said."""
    client = open_any_client(port, baud)
    try:
        return at_rate(find_board(client.hello().board), baud)
    finally:
        client.close()


def _needed(board: Board | None) -> Board:
    if board is None:
        raise InputError("which board? say --board NAME (nasc-sdk boards lists them), or --port of one that is flashed")
    return board


@contextmanager
def _session(board: Board, port: str, *, emulated: bool) -> Iterator[BoardSession]:
    session = BoardSession(board, lambda: open_client(port, board), emulated=emulated)
    try:
        yield session
    finally:
        session.close()


def _check_fits(compiled: Compiled, hello: Hello) -> None:
    name, plan, count = compiled.name, compiled.plan, len(compiled.packed)
    if plan.arena_bytes > hello.arena_bytes:
        raise RefusedError(
            "too_large", f"{name} computes in {plan.arena_bytes} bytes, the arena has {hello.arena_bytes}"
        )
    if count > hello.slot_bytes:
        raise RefusedError("too_large", f"{name} compiles to {count} bytes, a slot has {hello.slot_bytes}")


def _counter(board: Board, hello: Hello, emulated: bool) -> Counter:
    if emulated and board.emulator is not None:
        # The emulator lets each instruction take this long of its machine's time, whatever it is.
        instruction_ns = 1 << board.emulator.icount_shift
        return Counter(profiles.TimeUnit.INSTRUCTIONS, 1e9 / hello.time_hz / instruction_ns)
    return Counter(_UNITS[hello.time_unit], 1.0)
