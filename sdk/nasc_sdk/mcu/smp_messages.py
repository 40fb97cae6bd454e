"""SMP packets of a board with our firmware: groups 0 and 64, encoded and decoded.

A packet is a header of 8 bytes and a CBOR map. Requests go out in SMP version 2; its errors are a map ``err``, those
of SMP itself a plain ``rc``. The firmware's ``smp/nasc_commands.c`` is the other side.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NoReturn, TypeVar

from nasc_sdk.errors import RefusedError, RemoteProtocolError
from nasc_sdk.mcu.smp_cbor import Value, decode_map, encode_map

PROTOCOL_VERSION: Final = 1
HEADER: Final = struct.Struct(">BBHHBB")
"""Res, version and operation; flags; length; group; sequence; command."""
SHA256_BYTES: Final = 32

_VERSION_2: Final = 1 << 3
_OPERATION_MASK: Final = 7
_WHERE: Final = "board"
_MAX_U32: Final = 0xFFFFFFFF
T = TypeVar("T")


class Operation(IntEnum):
    """What a packet is; a response is one more than its request."""

    READ = 0
    WRITE = 2


class Command(IntEnum):
    """Group and command, as one number: ``group << 8 | command``."""

    ECHO = 0x0000
    RESET = 0x0005
    PARAMETERS = 0x0006
    HELLO = 0x4000
    SLOTS = 0x4001
    UPLOAD = 0x4002
    COMMIT = 0x4003
    REVERT = 0x4004
    PROFILE = 0x4005
    COUNTS = 0x4006
    INPUT = 0x4007
    RUN = 0x4008
    OUTPUT = 0x4009
    SELECT = 0x400A
    NAMES = 0x400B

    @property
    def operation(self) -> Operation:
        """Whether it is asked as a read or as a write."""
        return Operation.READ if self in _READS else Operation.WRITE


_READS: Final = frozenset(
    (Command.PARAMETERS, Command.HELLO, Command.SLOTS, Command.COUNTS, Command.OUTPUT, Command.NAMES)
)


class Status(IntEnum):
    """What a command of group 64 came to; the firmware's ``status.h``."""

    OK = 0
    BAD_REQUEST = 1
    """A field is missing, of the wrong type or out of range."""
    UNKNOWN = 2
    """No such slot or plan."""
    WRONG_OFFSET = 3
    TOO_LARGE = 4
    """For the slot, the arena or the packet."""
    BAD_DIGEST = 5
    """The bytes received are not the bytes announced."""
    BAD_PLAN = 6
    WRONG_BOARD = 7
    """Packed for another kernel set."""
    GOLDEN_FAILED = 8
    """The trial run gave other bytes than the plan's golden output."""
    NO_HEAD = 9
    FLASH_FAILED = 10
    BUSY = 11
    """Flash worked for longer than any of its operations takes."""


class SlotState(IntEnum):
    """What a slot holds; the firmware's ``store.h``."""

    EMPTY = 0
    RECEIVING = 1
    COMPLETE = 2
    """Digest verified, not committed."""
    ACTIVE = 3
    PREVIOUS = 4


class TimeUnit(IntEnum):
    """What a count of time is; the firmware's ``port.h``."""

    CYCLES = 0
    TICKS = 1


@dataclass(frozen=True, slots=True)
class Response:
    """A packet from the board whose header and map are sound."""

    command: int
    sequence: int
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Hello:
    """What the board is and what it can take."""

    firmware_version: str
    board: str
    core: str
    clock_hz: int
    ram_bytes: int
    flash_bytes: int
    arena_bytes: int
    kernels: str
    packing: int
    """Weights packed for another kernel set are refused."""
    unique_id: str
    """Hexadecimal."""
    time_source: str
    time_unit: TimeUnit
    time_hz: int
    slot_bytes: int
    """Largest plan."""
    packet_bytes: int
    """Largest packet, header included."""
    window: int
    """Packets that may be in flight."""
    raw_framing: bool


@dataclass(frozen=True, slots=True)
class Parameters:
    """MCUmgr parameters: what any SMP tool asks first."""

    packet_bytes: int
    window: int


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the two places for a plan."""

    state: SlotState
    plan_bytes: int
    received_bytes: int
    commit_sequence: int
    """0 where nothing was committed."""
    sha256: str
    """Hexadecimal."""


@dataclass(frozen=True, slots=True)
class UploadAnswer:
    """Where an upload stands."""

    next_offset: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One run, in units of the board's time."""

    whole_counts: int
    overhead_counts: int
    """Of one pair of hooks."""
    operators: int
    arena_used_bytes: int
    arena_bytes: int
    plan_crc32: int
    """The checksum in the header of the plan that ran."""


@dataclass(frozen=True, slots=True)
class InputAnswer:
    """Where the input stands, and how large it is."""

    next_offset: int
    input_bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run without hooks; the output is read apart."""

    whole_counts: int
    output_bytes: int
    output_crc32: int
    plan_crc32: int
    """The checksum in the header of the plan that ran."""


@dataclass(frozen=True, slots=True)
class OutputPage:
    """Output from ``offset`` on, as much as fitted; empty at its end."""

    offset: int
    content: bytes


def encode_request(command: Command, sequence: int, fields: Mapping[str, Value]) -> bytes:
    """One packet, version 2; MissingExtraError without the CBOR package."""
    payload = encode_map(fields)
    group, number = command >> 8, command & 0xFF
    return HEADER.pack(_VERSION_2 | command.operation, 0, len(payload), group, sequence, number) + payload


def decode_response(packet: bytes) -> Response | None:
    """A response, or None for a request (the line may echo); RemoteProtocolError for what is neither."""
    if len(packet) < HEADER.size:
        raise RemoteProtocolError(_WHERE, f"a packet of {len(packet)} bytes")
    first, _, length, group, sequence, number = HEADER.unpack_from(packet)
    if first & _OPERATION_MASK in tuple(Operation):
        return None
    if first & _OPERATION_MASK > Operation.WRITE + 1:
        raise RemoteProtocolError(_WHERE, f"operation {first & _OPERATION_MASK}")
    if length != len(packet) - HEADER.size:
        raise RemoteProtocolError(_WHERE, f"{len(packet) - HEADER.size} bytes of payload, {length} announced")
    return Response(group << 8 | number, sequence, decode_map(packet[HEADER.size :]))


def raise_refusal(response: Response) -> None:
    """RefusedError where the response is an error; its code is the status' name, or ``smp_<rc>``."""
    fields = response.fields
    if "err" in fields:
        error = fields["err"]
        rc = error.get("rc") if isinstance(error, dict) else None
        if not isinstance(rc, int):
            raise RemoteProtocolError(_WHERE, f"err is {error!r}")
        if rc:
            _refuse(response, Status(rc).name.lower() if rc in tuple(Status) else f"status_{rc}")
    rc = fields.get("rc", 0)
    if not isinstance(rc, int):
        raise RemoteProtocolError(_WHERE, f"rc is {rc!r}")
    if rc:
        _refuse(response, f"smp_{rc}")


def _refuse(response: Response, code: str) -> NoReturn:
    command = response.command
    name = Command(command).name.lower() if command in tuple(Command) else f"{command:#06x}"
    reason = response.fields.get("rsn")
    raise RefusedError(code, f"the board refused {name}" + (f": {reason}" if isinstance(reason, str) else ""))


def decode_hello(fields: Mapping[str, object]) -> Hello:
    """RemoteProtocolError, also for a protocol that this side does not speak."""
    protocol = _uint(fields, "protocol")
    if protocol != PROTOCOL_VERSION:
        raise RemoteProtocolError(_WHERE, f"its firmware speaks protocol {protocol}, this side {PROTOCOL_VERSION}")
    if not _uint(fields, "time_hz"):
        raise RemoteProtocolError(_WHERE, "its time source counts 0 a second")
    return Hello(
        firmware_version=_text(fields, "firmware"),
        board=_text(fields, "board"),
        core=_text(fields, "core"),
        clock_hz=_uint(fields, "clock_hz"),
        ram_bytes=_uint(fields, "ram"),
        flash_bytes=_uint(fields, "flash"),
        arena_bytes=_uint(fields, "arena"),
        kernels=_text(fields, "kernels"),
        packing=_uint(fields, "packing"),
        unique_id=_bytes(fields, "id").hex(),
        time_source=_text(fields, "time_source"),
        time_unit=_member(TimeUnit, fields, "time_unit"),
        time_hz=_uint(fields, "time_hz"),
        slot_bytes=_uint(fields, "capacity"),
        packet_bytes=_uint(fields, "packet"),
        window=_uint(fields, "window"),
        raw_framing=_value(fields, "raw", bool),
    )


def decode_parameters(fields: Mapping[str, object]) -> Parameters:
    """RemoteProtocolError."""
    return Parameters(_uint(fields, "buf_size"), _uint(fields, "buf_count"))


def decode_slots(fields: Mapping[str, object]) -> tuple[Slot, ...]:
    """RemoteProtocolError."""
    slots = []
    for slot in _value(fields, "slots", list):
        if not isinstance(slot, dict):
            raise RemoteProtocolError(_WHERE, f"a slot is {slot!r}")
        sha256 = _bytes(slot, "sha")
        if len(sha256) != SHA256_BYTES:
            raise RemoteProtocolError(_WHERE, f"a digest of {len(sha256)} bytes")
        state, plan_bytes = _member(SlotState, slot, "state"), _uint(slot, "bytes")
        slots.append(Slot(state, plan_bytes, _uint(slot, "received"), _uint(slot, "sequence"), sha256.hex()))
    return tuple(slots)


def decode_upload(fields: Mapping[str, object]) -> UploadAnswer:
    """RemoteProtocolError."""
    return UploadAnswer(_uint(fields, "off"))


def decode_profile(fields: Mapping[str, object]) -> Profile:
    """RemoteProtocolError."""
    return Profile(*(_uint(fields, name) for name in ("whole", "overhead", "count", "used", "arena", "plan")))


def decode_counts(fields: Mapping[str, object]) -> tuple[int, tuple[int, ...]]:
    """From which operator on, and counts of the operators, as many as fitted; RemoteProtocolError."""
    counts = _value(fields, "counts", list)
    if not all(type(count) is int and 0 <= count <= _MAX_U32 for count in counts):
        raise RemoteProtocolError(_WHERE, "counts that are no numbers of 32 bits")
    return _uint(fields, "first"), tuple(counts)


def decode_names(fields: Mapping[str, object]) -> tuple[int, tuple[str, ...]]:
    """From which operator on, and names of what operators write, as many as fitted; RemoteProtocolError."""
    names = _value(fields, "names", list)
    if not all(type(name) is str for name in names):
        raise RemoteProtocolError(_WHERE, f"names are {names!r:.60}")
    return _uint(fields, "first"), tuple(names)


def decode_input(fields: Mapping[str, object]) -> InputAnswer:
    """RemoteProtocolError."""
    return InputAnswer(_uint(fields, "off"), _uint(fields, "bytes"))


def decode_run(fields: Mapping[str, object]) -> Run:
    """RemoteProtocolError."""
    return Run(_uint(fields, "whole"), _uint(fields, "bytes"), _uint(fields, "crc"), _uint(fields, "plan"))


def decode_output(fields: Mapping[str, object]) -> OutputPage:
    """RemoteProtocolError."""
    return OutputPage(_uint(fields, "off"), _bytes(fields, "data"))


def decode_echo(fields: Mapping[str, object]) -> str:
    """RemoteProtocolError."""
    return _text(fields, "r")


def decode_nothing(fields: Mapping[str, object]) -> None:
    """A success that says no more; keys of a later firmware are none of our business."""


Decoder = Callable[[Mapping[str, object]], T]


def _value(fields: Mapping[str, object], name: str, kind: type[T]) -> T:
    value = fields.get(name)
    # bool is an int to Python, but not to CBOR.
    if type(value) is not kind:
        raise RemoteProtocolError(_WHERE, f"{name} is {value!r:.60}, not {kind.__name__}")
    return value


def _uint(fields: Mapping[str, object], name: str) -> int:
    value = _value(fields, name, int)
    if not 0 <= value <= _MAX_U32:
        raise RemoteProtocolError(_WHERE, f"{name} is {value}")
    return value


def _text(fields: Mapping[str, object], name: str) -> str:
    return _value(fields, name, str)


def _bytes(fields: Mapping[str, object], name: str) -> bytes:
    return _value(fields, name, bytes)


M = TypeVar("M", bound=IntEnum)


def _member(kind: type[M], fields: Mapping[str, object], name: str) -> M:
    value = _uint(fields, name)
    try:
        return kind(value)
    except ValueError as error:
        raise RemoteProtocolError(_WHERE, f"{name} is {value}, which is unknown") from error
