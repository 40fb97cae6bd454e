"""Asks a board with our firmware over a wire: every wait is bounded, lost packets are asked again.

Theory of operation
-------------------
One request at a time, but for an upload (:mod:`nasc_sdk.mcu.smp_upload`). Each packet has the next sequence number;
an answer counts for the request that is waiting if it bears one of the numbers that the request was sent under, and
is ignored otherwise. A request may therefore reach the board twice: reads, commit, and revert to a named plan may be;
a run uses its input up, so it is repeated from its input on.

A board whose clock cannot tell a silence waits for the rest of a frame whose length was damaged. After two attempts in
vain it is sent as many zeros as the largest frame has: they complete that one, and mean nothing otherwise.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from nasc_sdk.errors import RefusedError, RemoteProtocolError, UnreachableError
from nasc_sdk.mcu import smp_messages as messages
from nasc_sdk.mcu.smp_cbor import Value
from nasc_sdk.mcu.smp_frames import FrameReceiver, Framing, Packet, encode
from nasc_sdk.mcu.smp_messages import Command
from nasc_sdk.mcu.smp_upload import Chunk, UploadWindow

_PEER: Final = "board"
_INPUT_LOST: Final = messages.Status.WRONG_OFFSET.name.lower()
_DATA_PACKET_OVERHEAD: Final = 26
"""SMP header, map and keys around the data of an upload or input packet."""
_ATTEMPTS_BEFORE_FLUSH: Final = 2
_FLUSH_BYTES: Final = 2048
"""Where the board's largest packet is not known yet."""
_FRAME_OVERHEAD: Final = 16
_FIRST_WAIT: Final = 1 / 8
"""Of the longest wait for an answer; doubled until then, so that a lost one is soon asked for again."""
_STALLED_WAITS: Final = 2
"""An upload waits so many times as long for the next byte to arrive as a request for its answer."""
_LEAST_BYTES_PER_S: Final = 100
"""Of an upload: slower ones would not end before somebody gives up."""
_MOST_OPERATORS: Final = 256
"""Of a plan; firmware_profiles/nasc_firmware/src/plan.h."""
T = TypeVar("T")

Waits = tuple[float, ...]
"""Seconds that each attempt waits for its answer."""
Progress = Callable[[int, int], None]
"""Is told the bytes that the board has, and all."""


class Wire(Protocol):
    """A byte pipe to a board; UnreachableError when it is gone."""

    def send(self, data: bytes) -> None:
        """Send all, within a bounded time."""

    def receive(self, timeout_s: float) -> bytes:
        """What has arrived, at least a byte, or nothing after the timeout."""

    def close(self) -> None:
        """Let go of the port."""


class SmpClient:
    """Not thread-safe. ``timeout_s`` is for an answer that needs no work, ``slow_timeout_s`` for erasing and running.

    What needs no work is asked for ``attempts`` times that long, and an upload is given up when no byte arrived for
    twice as long. ``packet_s`` is what the longest packet takes on the line: before that nothing is asked for again.
    Starts in the console framing and goes over to the raw one when the board's hello offers it, unless ``framing`` says
    which. ``hint`` is what to try when nothing was ever heard.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        timeout_s: float = 1.0,
        slow_timeout_s: float = 30.0,
        attempts: int = 5,
        packet_s: float = 0.0,
        framing: Framing | None = None,
        hint: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire, self._clock = wire, clock
        self._timeout_s, self._slow_timeout_s, self._attempts = timeout_s, slow_timeout_s, max(attempts, 1)
        self._hint, self._heard = hint, False
        self._first_s = max(timeout_s * _FIRST_WAIT, packet_s)
        self._quick_s = _waits(self._first_s, timeout_s, self._attempts * timeout_s)
        self.allow(0.0)
        self._framing_is_fixed, self._framing = framing is not None, framing or Framing.CONSOLE
        self._receiver = FrameReceiver()
        self._packets: deque[Packet] = deque()
        self._sequence = -1
        self._parameters: messages.Parameters | None = None

    def allow(self, run_s: float) -> None:
        """From now on wait so many seconds longer for what may run a head."""
        slow_s = self._slow_timeout_s + run_s
        # To ask early for what the board still works on does no harm: it finds it done.
        self._growing_s = _waits(self._first_s, self._timeout_s, slow_s)
        # To ask early for a run would have it made twice.
        self._patient_s: Waits = (slow_s,) * self._attempts

    @property
    def framing(self) -> Framing:
        """What requests go out in."""
        return self._framing

    def close(self) -> None:
        """Close the wire."""
        self._wire.close()

    def hello(self) -> messages.Hello:
        """What the board is. UnreachableError, RefusedError and RemoteProtocolError, as everything below."""
        hello = self._ask(Command.HELLO, {}, messages.decode_hello)
        if hello.raw_framing and not self._framing_is_fixed:
            self._framing = Framing.RAW
        self._parameters = messages.Parameters(hello.packet_bytes, hello.window)
        return hello

    def hello_of(self, board: str) -> messages.Hello:
        """As :meth:`hello`; RefusedError with the code ``wrong_board`` when another board answers."""
        hello = self.hello()
        if hello.board != board:
            raise RefusedError("wrong_board", f"the port has the firmware of {hello.board}, not of {board}")
        return hello

    def parameters(self) -> messages.Parameters:
        """Largest packet and window."""
        return self._ask(Command.PARAMETERS, {}, messages.decode_parameters)

    def echo(self, text: str) -> str:
        """The same text from the board."""
        return self._ask(Command.ECHO, {"d": text}, messages.decode_echo)

    def reset(self) -> None:
        """The board answers, then restarts; ask :meth:`hello` until it is back."""
        self._ask(Command.RESET, {}, messages.decode_nothing)
        self._parameters = None

    def slots(self) -> tuple[messages.Slot, ...]:
        """What the board holds."""
        return self._ask(Command.SLOTS, {}, messages.decode_slots)

    def commit(self, sha256: str) -> None:
        """Make the complete plan with this digest (hexadecimal) the active one, after the board's trial run.

        RefusedError with the code ``bad_plan``, ``wrong_board``, ``golden_failed``, ``unknown`` or ``flash_failed``.
        """
        self._ask(Command.COMMIT, {"sha": bytes.fromhex(sha256)}, messages.decode_nothing, self._growing_s)

    def select(self, sha256: str) -> None:
        """Run the complete or committed plan with this digest until the next reset; RefusedError as for a commit."""
        self._ask(Command.SELECT, {"sha": bytes.fromhex(sha256)}, messages.decode_nothing, self._growing_s)

    def revert(self) -> None:
        """Back to the plan that was active before; RefusedError with the code ``unknown`` without one."""
        previous = [slot for slot in self.slots() if slot.state is messages.SlotState.PREVIOUS]
        fields = {"sha": bytes.fromhex(previous[0].sha256)} if previous else {}
        self._ask(Command.REVERT, fields, messages.decode_nothing, self._growing_s if fields else self._patient_s)

    def profile(self, runs: int = 1) -> messages.Profile:
        """Run the head so often; the figures, and :meth:`counts`, are of the last run."""
        return self._ask(Command.PROFILE, {"runs": runs}, messages.decode_profile, self._patient_s)

    def counts(self) -> tuple[int, ...]:
        """Counts of each operator in the last profile."""
        return self._pages(Command.COUNTS, messages.decode_counts)

    def names(self) -> tuple[str, ...]:
        """Of the tensors that the head's operators write."""
        return self._pages(Command.NAMES, messages.decode_names)

    def infer(self, content: bytes) -> tuple[messages.Run, bytes]:
        """One run on this input, and its output; written again when the answer, or to a reset the input, was lost."""
        for _ in range(self._attempts - 1):
            try:
                self._write_input(content)
                return self._run()
            except RefusedError as error:
                if error.code != _INPUT_LOST:
                    raise
            except UnreachableError:
                continue
        self._write_input(content)
        return self._run()

    def upload(self, plan: bytes, progress: Progress | None = None) -> str:
        """Bring a plan into the slot that is not active, from where an earlier upload of it ended; its SHA-256.

        RefusedError with the code ``too_large``, ``bad_digest`` or ``flash_failed``.
        """
        sha256, limits = hashlib.sha256(plan), self._limits()
        for _ in range(self._attempts):
            start = self._begin(plan, sha256.digest())
            window = UploadWindow(
                len(plan),
                start,
                window=limits.window,
                packet_bytes=limits.packet_bytes - _DATA_PACKET_OVERHEAD,
                timeout_s=self._timeout_s,
            )
            self._pump(plan, window, progress)
            if window.done:
                return sha256.hexdigest()
        raise UnreachableError(_PEER, f"lost the upload {self._attempts} times; is it being reset?")

    def _pages(self, command: Command, decode: messages.Decoder[tuple[int, tuple[T, ...]]]) -> tuple[T, ...]:
        what = command.name.lower()
        items: tuple[T, ...] = ()
        while len(items) <= _MOST_OPERATORS:
            first, more = self._ask(command, {"first": len(items)}, decode)
            if first != len(items):
                raise RemoteProtocolError(_PEER, f"{what} from {first} on, asked from {len(items)} on")
            if not more:
                return items
            items += more
        raise RemoteProtocolError(_PEER, f"{what} of more than {_MOST_OPERATORS} operators, which no plan has")

    # --- Uploads ------------------------------------------------------------------------------------------------

    def _begin(self, plan: bytes, sha256: bytes) -> int:
        fields: dict[str, Value] = {"off": 0, "data": b"", "len": len(plan), "sha": sha256}
        start = self._ask(Command.UPLOAD, fields, messages.decode_upload, self._growing_s).next_offset
        if start > len(plan):
            raise RemoteProtocolError(_PEER, f"has {start} bytes of a plan of {len(plan)}")
        return start

    def _pump(self, plan: bytes, window: UploadWindow, progress: Progress | None) -> None:
        """Send until all has arrived, or the board has lost what it had; bounded since the last byte and as a whole."""
        told, began_s = -1, self._clock()
        moved_s, deadline_s = began_s, began_s + self._slow_timeout_s + len(plan) / _LEAST_BYTES_PER_S
        while not (window.done or window.lost):
            while (chunk := window.next_chunk()) is not None:
                window.sent(self._send_chunk(plan, chunk), chunk, self._clock())
            response = self._receive(min(window.deadline_s, self._clock() + self._timeout_s))
            if response is None:
                window.expire()
                self._flush(window.silent_timeouts)
            elif response.command == Command.UPLOAD:
                messages.raise_refusal(response)
                answer = messages.decode_upload(response.fields)
                window.answered(response.sequence, answer.next_offset, self._clock())
            now_s = self._clock()
            if window.confirmed > told:
                told, moved_s = window.confirmed, now_s
                if progress is not None:
                    progress(told, len(plan))
            stalled_s = moved_s + _STALLED_WAITS * self._attempts * self._timeout_s
            if not window.done and now_s >= min(stalled_s, deadline_s):
                arrived = f"{window.confirmed} of {len(plan)} bytes arrived in {now_s - began_s:.0f} s"
                silence = f"none in the last {now_s - moved_s:.0f} s"
                raise UnreachableError(_PEER, f"{arrived}, {silence}; a new upload goes on from there")

    def _send_chunk(self, plan: bytes, chunk: Chunk) -> int:
        return self._send(Command.UPLOAD, {"off": chunk.offset, "data": plan[chunk.offset : chunk.end]})

    # --- Runs ---------------------------------------------------------------------------------------------------

    def _write_input(self, content: bytes) -> None:
        step, place = self._limits().packet_bytes - _DATA_PACKET_OVERHEAD, 0
        while place < len(content):
            fields: dict[str, Value] = {"off": place, "data": content[place : place + step]}
            answer = self._ask(Command.INPUT, fields, messages.decode_input)
            if answer.next_offset != min(place + step, len(content)):
                raise RemoteProtocolError(_PEER, f"expects input from {answer.next_offset} on")
            place = answer.next_offset

    def _run(self) -> tuple[messages.Run, bytes]:
        run = self._ask(Command.RUN, {}, messages.decode_run, self._patient_s[:1])
        output = bytearray()
        while len(output) < run.output_bytes:
            page = self._ask(Command.OUTPUT, {"off": len(output)}, messages.decode_output)
            if page.offset != len(output) or not page.content:
                raise RemoteProtocolError(_PEER, f"{len(page.content)} bytes of output from {page.offset} on")
            output += page.content
        if len(output) != run.output_bytes or zlib.crc32(output) != run.output_crc32:
            raise RemoteProtocolError(_PEER, "the output read is not that of the run; does another host ask it too?")
        return run, bytes(output)

    # --- Requests -----------------------------------------------------------------------------------------------

    def _limits(self) -> messages.Parameters:
        if self._parameters is None:
            self._parameters = self.parameters()
        if self._parameters.packet_bytes <= _DATA_PACKET_OVERHEAD:
            raise RemoteProtocolError(_PEER, f"packets of {self._parameters.packet_bytes} bytes hold no data")
        return self._parameters

    def _ask(
        self,
        command: Command,
        fields: Mapping[str, Value],
        decode: messages.Decoder[T],
        waits_s: Waits = (),
    ) -> T:
        waits_s = waits_s or self._quick_s
        sequences: set[int] = set()
        for attempt, timeout_s in enumerate(waits_s):
            self._flush(attempt)
            sequences.add(self._send(command, fields))
            deadline_s = self._clock() + timeout_s
            while (response := self._receive(deadline_s)) is not None:
                if response.command == command and response.sequence in sequences:
                    messages.raise_refusal(response)
                    return decode(response.fields)
        asked = f"asked {len(waits_s)} times in {sum(waits_s):g} s"
        hint = f"; {self._hint}" if self._hint and not self._heard else ""
        raise UnreachableError(_PEER, f"does not answer {command.name.lower()}, {asked}{hint}")

    def _flush(self, failures: int) -> None:
        if failures == _ATTEMPTS_BEFORE_FLUSH:
            limits = self._parameters
            self._wire.send(bytes(limits.packet_bytes + _FRAME_OVERHEAD if limits else _FLUSH_BYTES))

    def _send(self, command: Command, fields: Mapping[str, Value]) -> int:
        """The sequence number."""
        # "The number is increased by one with each request frame."
        self._sequence = (self._sequence + 1) % 256
        packet = messages.encode_request(command, self._sequence, fields)
        self._wire.send(encode(self._framing, packet))
        return self._sequence

    def _receive(self, deadline_s: float) -> messages.Response | None:
        """The next response, whatever it answers; None after the deadline."""
        while True:
            while self._packets:
                if (response := messages.decode_response(self._packets.popleft().content)) is not None:
                    self._heard = True
                    return response
            remaining_s = deadline_s - self._clock()
            if remaining_s <= 0:
                # An answer may hide behind a damaged length.
                self._packets += self._receiver.idle()
                if not self._packets:
                    return None
                continue
            self._receiver.receive_data(self._wire.receive(remaining_s))
            self._packets += self._receiver.packets()


def _waits(first_s: float, most_s: float, whole_s: float) -> Waits:
    """Doubled up to ``most_s``, together ``whole_s``."""
    waits_s: list[float] = []
    while (left_s := whole_s - sum(waits_s)) > most_s * _FIRST_WAIT / 2:
        waits_s.append(min(first_s * 2 ** len(waits_s), most_s, left_s))
    return tuple(waits_s)
