import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasc_sdk.errors import RefusedError, RemoteProtocolError
from nasc_sdk.mcu import smp_messages as messages
from nasc_sdk.mcu.smp_messages import Command

cbor2 = pytest.importorskip("cbor2", reason="cbor2 is not installed")

SLOT = {"state": 3, "bytes": 100, "received": 100, "sequence": 2, "sha": bytes(range(32))}
HELLO = {
    "protocol": 1,
    "firmware": "0.1.0",
    "board": "b",
    "core": "cortex-m4",
    "clock_hz": 64_000_000,
    "ram": 65536,
    "flash": 524288,
    "arena": 40000,
    "kernels": "dsp",
    "packing": 1,
    "id": bytes(12),
    "time_source": "dwt",
    "time_unit": 0,
    "time_hz": 64_000_000,
    "capacity": 131072,
    "packet": 1280,
    "window": 2,
    "raw": True,
}
SAMPLES = {
    Command.ECHO: ({"r": "text"}, messages.decode_echo),
    Command.PARAMETERS: ({"buf_size": 1280, "buf_count": 2}, messages.decode_parameters),
    Command.HELLO: (HELLO, messages.decode_hello),
    Command.SLOTS: ({"slots": [SLOT, SLOT | {"state": 0}]}, messages.decode_slots),
    Command.UPLOAD: ({"off": 2**32 - 1}, messages.decode_upload),
    Command.PROFILE: (
        {"whole": 1, "overhead": 2, "count": 3, "used": 4, "arena": 5, "plan": 6}, messages.decode_profile
    ),
    Command.COUNTS: ({"first": 0, "counts": [1, 2, 2**32 - 1]}, messages.decode_counts),
    Command.NAMES: ({"first": 0, "names": ["a/b", ""]}, messages.decode_names),
    Command.INPUT: ({"off": 5, "bytes": 10}, messages.decode_input),
    Command.RUN: ({"whole": 7, "bytes": 10, "crc": 2**32 - 1, "plan": 5}, messages.decode_run),
    Command.OUTPUT: ({"off": 5, "data": b"1234"}, messages.decode_output),
}
EVERY = pytest.mark.parametrize("command", list(SAMPLES), ids=lambda command: command.name)


def response(command, fields, sequence=5):
    payload = cbor2.dumps(fields)
    group, number = command >> 8, command & 0xFF
    return struct.pack(">BBHHBB", 8 | command.operation + 1, 0, len(payload), group, sequence, number) + payload


@EVERY
def test_answers_are_decoded(command):
    fields, decode = SAMPLES[command]
    decoded = messages.decode_response(response(command, fields))
    assert (decoded.command, decoded.sequence) == (command, 5)
    messages.raise_refusal(decoded)
    # A later firmware may say more.
    assert decode(decoded.fields) == decode(decoded.fields | {"later": 1})


def test_every_field_of_an_answer_has_its_place():
    def flat(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]

    assert flat(messages.decode_profile(SAMPLES[Command.PROFILE][0])) == [1, 2, 3, 4, 5, 6]
    assert flat(messages.decode_run(SAMPLES[Command.RUN][0])) == [7, 10, 2**32 - 1, 5]
    assert flat(messages.decode_hello(HELLO)) == [
        value.hex() if isinstance(value, bytes) else value for key, value in HELLO.items() if key != "protocol"
    ]
    (slot, _) = messages.decode_slots(SAMPLES[Command.SLOTS][0])
    assert flat(slot) == [3, 100, 100, 2, bytes(range(32)).hex()]


@EVERY
def test_every_beginning_of_an_answer_is_refused(command):
    fields, _ = SAMPLES[command]
    packet = response(command, fields)
    for end in range(len(packet)):
        with pytest.raises(RemoteProtocolError):
            messages.decode_response(packet[:end])
        if end >= 8:
            # As above, but the header agrees: then the map is cut.
            cut = packet[:2] + struct.pack(">H", end - 8) + packet[4:end]
            with pytest.raises(RemoteProtocolError):
                messages.decode_response(cut)


@EVERY
def test_bytes_after_the_map_are_refused(command):
    packet = response(command, SAMPLES[command][0]) + b"\x00"
    for length in (len(packet) - 8, len(packet) - 9):
        with pytest.raises(RemoteProtocolError):
            messages.decode_response(packet[:2] + struct.pack(">H", length) + packet[4:])


@EVERY
def test_a_field_that_is_absent_or_of_another_type_is_refused(command):
    fields, decode = SAMPLES[command]
    for key in fields:
        with pytest.raises(RemoteProtocolError):
            decode({name: value for name, value in fields.items() if name != key})
        for other in (None, -1, 2**32, 1.5, [None], {"a": 1}, "text", b"bytes", True):
            if type(other) is not type(fields[key]) or isinstance(other, int | list):
                if type(other) is bool and type(fields[key]) is bool:
                    continue
                with pytest.raises(RemoteProtocolError):
                    decode(fields | {key: other})


@given(st.sampled_from(list(Command)), st.integers(0, 255), st.binary(max_size=100), st.integers(0, 2**32 - 1))
def test_requests_are_those_of_the_smp_package(command, sequence, data, number):
    fields = {"off": number, "data": data, "d": "text"}
    packet = messages.encode_request(command, sequence, fields)
    assert packet[:8] == struct.pack(
        ">BBHHBB", 8 | command.operation, 0, len(packet) - 8, command >> 8, sequence, command & 255
    )
    assert cbor2.loads(packet[8:]) == fields
    assert messages.decode_response(packet) is None


def test_refusals_have_the_code_of_their_status():
    for fields, code in (
        ({"err": {"group": 64, "rc": 6}, "rsn": "bounds"}, "bad_plan"),
        ({"err": {"group": 64, "rc": 99}}, "status_99"),
        ({"rc": 8}, "smp_8"),
    ):
        with pytest.raises(RefusedError) as refused:
            messages.raise_refusal(messages.decode_response(response(Command.COMMIT, fields)))
        assert refused.value.code == code
        assert "commit" in str(refused.value)
    for fields in ({}, {"rc": 0}, {"err": {"group": 64, "rc": 0}}):
        messages.raise_refusal(messages.decode_response(response(Command.COMMIT, fields)))
    for fields in ({"err": 3}, {"err": {}}, {"rc": "x"}):
        with pytest.raises(RemoteProtocolError):
            messages.raise_refusal(messages.decode_response(response(Command.COMMIT, fields)))


def test_a_clock_that_stands_still_is_refused():
    with pytest.raises(RemoteProtocolError, match="counts 0 a second"):
        messages.decode_hello(HELLO | {"time_hz": 0})


def test_another_protocol_is_refused():
    with pytest.raises(RemoteProtocolError, match="speaks protocol 2, this side 1"):
        messages.decode_hello(HELLO | {"protocol": 2})


@given(st.binary(max_size=80))
def test_no_bytes_break_the_decoder(data):
    packet = struct.pack(">BBHHBB", 9, 0, len(data), 64, 0, 0) + data
    for attempt in (packet, data):
        try:
            decoded = messages.decode_response(attempt)
        except RemoteProtocolError:
            continue
        for _, decode in SAMPLES.values():
            if decoded is not None:
                with pytest.raises(RemoteProtocolError):
                    decode(decoded.fields)


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deep_payloads_are_refused(depth):
    payload = b"\xa1\x61a" + b"\x81" * depth + b"\x00"
    packet = struct.pack(">BBHHBB", 9, 0, len(payload) & 0xFFFF, 64, 0, 0) + payload
    with pytest.raises(RemoteProtocolError):
        messages.decode_response(packet[: 8 + (len(payload) & 0xFFFF)])


def test_without_the_package_the_extra_is_named(monkeypatch):
    import sys

    from nasc_sdk.errors import MissingExtraError
    from nasc_sdk.mcu import smp_cbor

    smp_cbor._library.cache_clear()
    monkeypatch.setitem(sys.modules, "cbor2", None)
    with pytest.raises(MissingExtraError, match=r"nasc-sdk\[mcu\]"):
        messages.encode_request(Command.HELLO, 0, {})
    smp_cbor._library.cache_clear()
