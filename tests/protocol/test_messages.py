"""Messages: round trips, every truncation, wrong schemas, bad ranges, depth, size, and random bytes."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasc_sdk.entropy import EVERYWHERE
from nasc_sdk.errors import RemoteProtocolError
from nasc_sdk.protocol.messages import (
    MAX_MESSAGE_BYTES,
    MESSAGES,
    ArtifactRequest,
    LatencyReport,
    LinkReport,
    ProfileResult,
    ServiceReply,
    ServiceRequest,
    State,
    decode,
    encode,
)
from tests.protocol.examples import ARTIFACT, EXAMPLES

each = pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)


def fields(message):
    return json.loads(encode(message))


def refuse(kind, document):
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(RemoteProtocolError) as caught:
        decode(kind, payload, "some/topic")
    assert caught.value.where == "some/topic"
    assert caught.value.reason
    return caught.value.reason


def test_every_message_has_an_example():
    assert tuple(map(type, EXAMPLES)) == MESSAGES


@each
def test_round_trip(message):
    again = decode(type(message), encode(message), "t")
    assert encode(again) == encode(message)
    assert fields(again) == fields(message)


@each
def test_every_truncation_fails(message):
    payload = encode(message)
    for length in range(len(payload)):
        refuse(type(message), payload[:length])


@each
def test_another_schema_is_refused(message):
    assert "schema 2" in refuse(type(message), {**fields(message), "schema": 2})
    refuse(type(message), {**fields(message), "schema": "1"})


@each
def test_unknown_fields_of_a_newer_peer_are_ignored(message):
    payload = json.dumps({**fields(message), "newer": {"deep": [1, None]}}).encode()
    assert fields(decode(type(message), payload, "t")) == fields(message)


@each
def test_a_missing_or_wrongly_typed_field_is_refused(message):
    document = fields(message)
    required = [f.name for f in msgspec.structs.fields(message) if f.required]
    assert required
    for name in required:
        refuse(type(message), {key: value for key, value in document.items() if key != name})
        refuse(type(message), {**document, name: None})


@each
@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"7", b'"x"', b"{}", b"\xff\xfe", b"{" * 9])
def test_what_is_no_message(message, payload):
    refuse(type(message), payload)


@each
def test_too_large(message):
    padded = encode(message) + b" " * MAX_MESSAGE_BYTES
    assert str(MAX_MESSAGE_BYTES) in refuse(type(message), padded)


@each
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting(message, opening):
    refuse(type(message), encode(message)[:-1] + b',"deeper":' + opening * 200_000 + b"}")
    refuse(type(message), opening * 200_000)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400])
def test_numbers_that_are_none(number):
    link = encode(EXAMPLES[5]).decode()
    assert "9.5" in link
    refuse(LinkReport, link.replace("9.5", number).encode())
    request = encode(EXAMPLES[10]).decode()
    assert "6.5" in request
    refuse(ServiceRequest, request.replace("6.5", number).encode())


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (ServiceRequest, {"options": {"n": 1 << 60}}),
        (State, {"session": 1 << 60}),
        (LinkReport, {"throughput_mbit_s": [0.0, 1.0]}),
        (LinkReport, {"throughput_mbit_s": [1.0]}),
        (LinkReport, {"round_trip_ms": [-1.0, 1.0]}),
        (LinkReport, {"loss": 1.5}),
        (LinkReport, {"throughput_mbit_s": [], "round_trip_ms": []}),
        (LinkReport, {"throughput_mbit_s": [1.0] * 257, "round_trip_ms": [1.0] * 257}),
        (LatencyReport, {"head_ms": [1.0]}),
        (LatencyReport, {"requests": -1}),
        (ArtifactRequest, {"count": 65}),
        (ArtifactRequest, {"first": -1}),
        (ArtifactRequest, {"sha256": ARTIFACT.sha256 + "\n"}),
        (ArtifactRequest, {"sha256": ARTIFACT.sha256.upper()}),
        (State, {"device": "a/b"}),
        (State, {"device": "board\n"}),
        (State, {"device": ""}),
        (State, {"role": "toaster"}),
        (ServiceReply, {"exit_code": 256}),
        (ServiceReply, {"error": "x" * 4097}),
    ],
)
def test_out_of_range(kind, change):
    message = next(message for message in EXAMPLES if type(message) is kind)
    refuse(kind, {**fields(message), **change})


@pytest.mark.parametrize("watts", [{"busy_w": 0.0}, {"busy_w": -1.0}, {"idle_w": -1.0}, {"busy_w": 1001.0}])
def test_impossible_power_is_refused(watts):
    found = fields(EXAMPLES[3])
    found["profile"]["power"] |= watts
    refuse(ProfileResult, found)


def test_a_profile_of_an_older_board_has_no_power():
    found = fields(EXAMPLES[3])
    del found["profile"]["power"]
    assert decode(ProfileResult, json.dumps(found).encode(), "t").profile.power is None


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(MESSAGES), payload=st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(kind, payload):
    with pytest.raises(RemoteProtocolError):
        decode(kind, payload, "t")


@settings(max_examples=300, deadline=None)
@given(
    index=st.integers(0, len(EXAMPLES) - 1),
    place=st.floats(0, 1, exclude_max=True),
    piece=st.binary(max_size=4),
)
def test_damaged_messages_never_raise_anything_else(index, place, piece):
    payload = encode(EXAMPLES[index])
    at = int(place * len(payload))
    kind = type(EXAMPLES[index])
    try:
        message = decode(kind, payload[:at] + piece + payload[at + len(piece) :], "t")
    except RemoteProtocolError:
        return
    assert encode(decode(kind, encode(message), "t")) == encode(message)


def test_a_state_of_an_older_peer_means_what_everybody_can_do():
    document = fields(EXAMPLES[0])
    del document["capabilities"]["entropy"]
    found = decode(State, json.dumps(document).encode(), "t").capabilities.entropy
    assert found == tuple(coding.value for coding in EVERYWHERE)


def test_codings_of_a_newer_peer_are_no_error():
    document = fields(EXAMPLES[0])
    document["capabilities"]["entropy"] = ["none", "brotli"]
    assert decode(State, json.dumps(document).encode(), "t").capabilities.entropy == ("none", "brotli")
    for bad in (["none"] * 65, [""], [7], "zlib", None):
        document["capabilities"]["entropy"] = bad
        refuse(State, document)
