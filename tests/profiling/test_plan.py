from __future__ import annotations

import hashlib
import struct

import msgspec
import pytest

from nasc_sdk.errors import InputError, RemoteProtocolError
from nasc_sdk.profiling.plan import MAGIC, MAX_PAYLOAD_BYTES, MAX_PAYLOADS, PlanItem, ProfilePlan, pack, unpack

PLAN = ProfilePlan(
    (
        PlanItem("stem|3x32x32", "stem", "32x32x3", b"model one", b"\x01\x02"),
        PlanItem("cell|16x32x32", "cell", "32x32x16", b"model two", b"\x01\x02", "float32"),
        PlanItem("head", "whole", "32x32x3", b"model one", b"\x03", whole=True),
    ),
    (b"\x01\x02", b"a packed cut"),
)


def test_round_trip_and_same_bytes():
    packed = PLAN.pack()
    assert ProfilePlan.unpack(packed) == PLAN
    assert pack(PLAN) == packed


def test_equal_blobs_are_stored_once():
    assert PLAN.pack().count(b"model one") == 1


def test_every_truncation_and_every_extra_byte_is_refused():
    packed = PLAN.pack()
    for size in range(len(packed)):
        with pytest.raises(RemoteProtocolError):
            unpack(packed[:size])
    with pytest.raises(RemoteProtocolError, match="length"):
        unpack(packed + b"x")


def test_every_flipped_byte_is_refused_or_changes_only_words():
    packed = PLAN.pack()
    blobs_at = packed.index(b"model one")
    for position in range(len(packed)):
        damaged = bytearray(packed)
        damaged[position] ^= 0x41
        try:
            plan = unpack(bytes(damaged))
        except RemoteProtocolError:
            continue
        assert position < blobs_at
        held = {b"model one", b"model two", b"\x01\x02", b"\x03", b"a packed cut"}
        assert {item.model for item in plan.items} | set(plan.payloads) <= held


def _packed(index: object, blobs: bytes = b"") -> bytes:
    encoded = msgspec.json.encode(index)
    return MAGIC + struct.pack(">I", len(encoded)) + encoded + blobs


def _index(**changes: object) -> dict[str, object]:
    item = {"key": "k", "title": "t", "shape": "s", "model": 0, "input": 0, "dtype": "int8", "whole": False}
    blob = {"sha256": hashlib.sha256(b"b").hexdigest(), "size": 1}
    return {"blobs": [blob], "items": [{**item, **changes}]}


def test_what_a_peer_could_claim_is_refused():
    unpack(_packed(_index(), b"b"))
    for changes in (
        {"model": 1},
        {"input": -1},
        {"dtype": "object"},
        {"key": ""},
        {"key": 7},
        {"title": "x" * 2000},
    ):
        with pytest.raises(RemoteProtocolError):
            unpack(_packed(_index(**changes), b"b"))
    for index in ({"blobs": [], "items": []}, [], {}, None, "x"):
        with pytest.raises(RemoteProtocolError):
            unpack(_packed(index))
    with pytest.raises(RemoteProtocolError, match="does not fit"):
        unpack(MAGIC + b"\xff\xff\xff\xff")


def test_an_empty_plan_cannot_be_packed():
    with pytest.raises(InputError, match="cannot be packed"):
        ProfilePlan(()).pack()
    with pytest.raises(InputError, match="cannot be packed"):
        ProfilePlan((PlanItem("k", "t", "s", b"", b"x"),)).pack()


def test_payloads_are_few_and_small():
    item = PLAN.items[0]
    for payloads in ((bytes(MAX_PAYLOAD_BYTES + 1),), (b"x",) * (MAX_PAYLOADS + 1)):
        with pytest.raises(InputError, match="payload"):
            pack(ProfilePlan((item,), payloads))
    with pytest.raises(RemoteProtocolError, match="payload 1"):
        unpack(_packed({**_index(), "payloads": [1]}, b"b"))
    with pytest.raises(RemoteProtocolError, match="payloads"):
        unpack(_packed({**_index(), "payloads": [-1]}, b"b"))
