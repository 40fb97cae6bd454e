"""All MQTT messages in one file, registered in one tuple.

Payloads are JSON, so that ``mosquitto_sub`` shows them; only artifact chunks are binary (:mod:`.chunks`).
Every message carries ``schema``; another major version is refused. Unknown fields are ignored, so that a newer peer
may add some. Types are validated on arrival, and ranges with them: a message that decodes is safe to use.

MQTT 3.1.1 is the floor, so correlation and response topics are fields (``request_id``), not properties.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from nasc_sdk.errors import RemoteProtocolError
from nasc_sdk.profiling.profile import Conditions, Profile

SCHEMA: Final = 1
MAX_MESSAGE_BYTES: Final = 4 << 20

Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+\Z")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
# JSON integers have no end; larger ones than a float holds exactly overflow later, in floats and in SQLite.
Count = Annotated[int, Meta(ge=0, le=1 << 53)]
Whole = Annotated[int, Meta(ge=-(1 << 53), le=1 << 53)]
Amount = Annotated[float, Meta(ge=0)]
Text = Annotated[str, Meta(max_length=4096)]


class Role(StrEnum):
    """What a device does in the loop."""

    BOARD = "board"
    EDGE = "edge"


class DeployStatus(StrEnum):
    """Where an installation stands."""

    PULLING = "pulling"
    ACTIVE = "active"
    REFUSED = "refused"


class Message(Struct, frozen=True, kw_only=True):
    """Base of all messages."""

    schema: int = SCHEMA


class Artifact(Struct, frozen=True):
    """Something a device may pull in chunks; the digest is its name."""

    sha256: Sha256
    size: Annotated[int, Meta(ge=1, le=256 << 20)]


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a device can do; memory limits in bytes, 0 when unlimited or unknown."""

    conditions: Conditions
    arena_bytes: Count = 0
    flash_bytes: Count = 0
    max_artifact_bytes: Count = 64 << 20
    entropy: Annotated[tuple[Id, ...], Meta(max_length=64)] = ("none", "zlib")
    """Entropy codings of cuts that it can do, by the names in :mod:`nasc_sdk.candidate`; a newer peer may know more."""


class State(Message, frozen=True, kw_only=True):
    """Retained: who is there. The last will is the same with ``online`` false.

    ``session`` grows with every start of the device's process, so that an old will is never taken for a new one.
    """

    device: Id
    role: Role
    session: Count
    online: bool
    capabilities: Capabilities | None = None
    contracts: tuple[Id, ...] = ()
    """Contracts the device holds; a board's first one is active."""
    candidate: Text = ""
    address: Text = ""
    """host:port of the tensor port (edge server) or of the local inference port (board)."""
    since_unix_s: Amount = 0.0
    """When this session began, by the device's clock; 0 when it does not say."""


class ProfileRequest(Message, frozen=True, kw_only=True):
    """Asks a device to run a profile plan (an artifact, see :mod:`nasc_sdk.profiling.plan`)."""

    request_id: Id
    plan: Artifact
    rounds: Annotated[int, Meta(ge=1, le=1000)] = 9
    per_op: bool = False
    power: bool = True
    """Measure power as well, where the device has a sensor: that takes some seconds."""


class ProfileProgress(Message, frozen=True, kw_only=True):
    """QoS 0: how far a profile is."""

    request_id: Id
    done: Count
    total: Count
    label: Text = ""


class ProfileResult(Message, frozen=True, kw_only=True):
    """The profile, or why there is none. The same request_id is answered once, also after a restart."""

    request_id: Id
    profile: Profile | None = None
    code: Text = ""
    reason: Text = ""


class ProfileCancel(Message, frozen=True, kw_only=True):
    """Nobody waits for this profile any more; the device stops measuring and answers with the code ``cancelled``."""

    request_id: Id


class LinkReport(Message, frozen=True, kw_only=True):
    """The link as the board's own transfers show it."""

    device: Id
    throughput_mbit_s: Annotated[tuple[Annotated[float, Meta(gt=0)], ...], Meta(min_length=1, max_length=256)]
    round_trip_ms: Annotated[tuple[Amount, ...], Meta(min_length=1, max_length=256)]
    loss: Annotated[float, Meta(ge=0, le=1)] = 0.0
    changed: bool = False
    """True when the change detector fired; false for the periodic report."""
    observed_unix_s: float = 0.0


class DeployDesired(Message, frozen=True, kw_only=True):
    """Retained: what the device should hold. ``version`` only grows; an older one is ignored.

    A board runs ``bundles[0]`` and keeps the others ready (the all-local fallback). An edge server holds them all.
    """

    version: Count
    bundles: Annotated[tuple[Artifact, ...], Meta(max_length=16)]
    reason: Text = ""


class DeployReported(Message, frozen=True, kw_only=True):
    """Retained: what became of a desired version."""

    device: Id
    version: Count
    status: DeployStatus
    contracts: tuple[Id, ...] = ()
    code: Text = ""
    """Stable reason of a refusal: digest_mismatch, golden_mismatch, too_large, disk_full, bad_bundle, ..."""
    reason: Text = ""


class ArtifactRequest(Message, frozen=True, kw_only=True):
    """Asks for chunks ``first .. first+count-1``; asking again is harmless."""

    sha256: Sha256
    first: Count
    count: Annotated[int, Meta(ge=1, le=64)]


class LatencyReport(Message, frozen=True, kw_only=True):
    """QoS 0: medians and p95 of the last requests, milliseconds, measured on the board."""

    device: Id
    contract: Text
    requests: Count
    failures: Count
    fallbacks: Count
    head_ms: tuple[Amount, Amount]
    uplink_ms: tuple[Amount, Amount]
    tail_ms: tuple[Amount, Amount]
    total_ms: tuple[Amount, Amount]


class ServiceVerb(StrEnum):
    """What a client may ask the search service."""

    PROFILE = "profile"
    CALIBRATE = "calibrate"
    COST_MODEL = "cost-model"
    SEARCH = "search"
    MAP = "map"
    DEPLOY = "deploy"
    STATUS = "status"
    CANCEL = "cancel"
    """Of the request whose ``request_id`` is among the options; the document says in ``text`` what became of it."""


class ServiceRequest(Message, frozen=True, kw_only=True):
    """A client's question to the search service; ``options`` are validated by the verb."""

    request_id: Id
    verb: ServiceVerb
    device: Id = "board"
    options: dict[str, str | Whole | float | bool] = {}


class ServiceProgress(Message, frozen=True, kw_only=True):
    """QoS 0: how far a request is."""

    request_id: Id
    done: Count
    total: Count
    label: Text = ""


class ServiceReply(Message, frozen=True, kw_only=True):
    """The answer; ``document`` is the verb's JSON document, ``exit_code`` what the command should end with."""

    request_id: Id
    exit_code: Annotated[int, Meta(ge=0, le=255)] = 0
    document: msgspec.Raw = msgspec.Raw(b"null")
    error: Text = ""


class ServiceEvent(Message, frozen=True, kw_only=True):
    """Something the service did on its own: a link change seen, a search, a deployment finished."""

    device: Id
    event: Id
    text: Text
    unix_s: float
    document: msgspec.Raw = msgspec.Raw(b"null")


MESSAGES: Final[tuple[type[Message], ...]] = (
    State,
    ProfileRequest,
    ProfileProgress,
    ProfileResult,
    ProfileCancel,
    LinkReport,
    DeployDesired,
    DeployReported,
    ArtifactRequest,
    LatencyReport,
    ServiceRequest,
    ServiceProgress,
    ServiceReply,
    ServiceEvent,
)

M = TypeVar("M", bound=Message)

_encoder = msgspec.json.Encoder()
_decoders = {kind: msgspec.json.Decoder(kind) for kind in MESSAGES}


def encode(message: Message) -> bytes:
    """JSON bytes of a message."""
    return _encoder.encode(message)


def decode(kind: type[M], payload: bytes, where: str) -> M:
    """Parse and validate; raises RemoteProtocolError saying where and why, whatever the bytes are."""
    if len(payload) > MAX_MESSAGE_BYTES:
        raise RemoteProtocolError(where, f"{len(payload)} bytes are over the limit of {MAX_MESSAGE_BYTES}")
    try:
        message = _decoders[kind].decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(where, f"not a {kind.__name__}: {error}") from error
    assert isinstance(message, kind)
    if message.schema != SCHEMA:
        raise RemoteProtocolError(where, f"{kind.__name__} of schema {message.schema}, this side speaks {SCHEMA}")
    if isinstance(message, LinkReport) and len(message.throughput_mbit_s) != len(message.round_trip_ms):
        raise RemoteProtocolError(where, "as many throughput as round-trip samples are needed")
    # A number that overflows has an exponent or hundreds of digits; most messages end at this cheap look.
    if (b"e" in payload or b"E" in payload or len(payload) > 300) and not _is_finite(message):
        raise RemoteProtocolError(where, f"{kind.__name__} holds a number that is not finite")
    return message


def _is_finite(value: object) -> bool:
    """JSON has no NaN, but a number such as 1e999 decodes to infinity. Raw documents are not looked into."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str | bytes | int | None | msgspec.Raw):
        return True
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, tuple | list):
        return all(map(_is_finite, value))
    kind = type(value)
    names: tuple[str, ...] = tuple(getattr(kind, "__struct_fields__", getattr(kind, "__dataclass_fields__", ())))
    return all(_is_finite(getattr(value, name)) for name in names)
