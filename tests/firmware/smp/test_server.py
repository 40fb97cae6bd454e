"""Header, dispatch and errors of the board, packet by packet."""

import struct

import pytest

from nasc_sdk.mcu.smp_frames import Framing, encode
from tests.firmware.smp.board import client_of

cbor2 = pytest.importorskip("cbor2", reason="cbor2 is not installed")

READ, WRITE = 0, 2
OS, NASC = 0, 64
NOT_SUPPORTED, CORRUPT, INVALID, TOO_NEW, BAD_STATE = 8, 9, 3, 13, 6


def request(group, command, fields=None, *, operation=READ, version=1, payload=None, length=None, sequence=9):
    payload = cbor2.dumps(fields or {}) if payload is None else payload
    length = len(payload) if length is None else length
    return struct.pack(">BBHHBB", version << 3 | operation, 0, length, group, sequence, command) + payload


def fields_of(board, packet):
    """The answer's map, its header checked."""
    answer = board.ask(packet)
    first, flags, length, group, sequence, command = struct.unpack(">BBHHBB", answer[:8])
    assert first == (min(packet[0] >> 3, 1) << 3 | (packet[0] & 7) + 1)
    assert (flags, group, sequence, command) == (0, *struct.unpack(">HBB", packet[4:8]))
    assert length == len(answer) - 8
    fields = cbor2.loads(answer[8:])
    # The C writer makes what cbor2 makes, to the byte.
    assert cbor2.dumps(fields) == answer[8:]
    return fields


def test_parameters(board):
    assert fields_of(board, request(OS, 6)) == {"buf_size": 768, "buf_count": 4}
    assert fields_of(board, request(OS, 6, payload=b"")) == {"buf_size": 768, "buf_count": 4}
    assert fields_of(board, request(OS, 6, payload=b"\xbf\xff", version=0)) == {"buf_size": 768, "buf_count": 4}


def test_echo_skips_what_it_does_not_know(board):
    fields = {"x": [1, {"y": 0.5}], 7: None, "d": "hallo", "later": b"z"}
    for operation in (READ, WRITE):
        assert fields_of(board, request(OS, 0, fields, operation=operation)) == {"r": "hallo"}


def test_what_fits_a_request_fits_its_answer(board):
    longest = "x" * (768 - 8 - 1 - 2 - 3)
    assert fields_of(board, request(OS, 0, {"d": longest}, operation=WRITE)) == {"r": longest}


@pytest.mark.parametrize("version", [0, 1])
def test_what_is_not_there_is_not_supported(board, version):
    for group, command, operation in ((1, 0, READ), (OS, 2, READ), (OS, 5, READ), (NASC, 200, READ), (NASC, 3, READ)):
        packet = request(group, command, operation=operation, version=version)
        assert fields_of(board, packet) == {"rc": NOT_SUPPORTED}


@pytest.mark.parametrize("version", [2, 3])
def test_a_later_version_is_refused(board, version):
    assert fields_of(board, request(OS, 6, version=version)) == {"rc": TOO_NEW}


def test_a_wrong_length_is_corrupt(board):
    assert fields_of(board, request(OS, 6, length=200)) == {"rc": CORRUPT}
    assert fields_of(board, request(OS, 6, payload=b"\xa0\xa0", length=1)) == {"rc": CORRUPT}


@pytest.mark.parametrize("payload", [b"\xa1", b"\x80", b"\xa1\x61d", b"\xa0\x00", b"\xff"])
def test_a_payload_that_is_no_map_is_invalid(board, payload):
    assert fields_of(board, request(OS, 0, payload=payload)) == {"rc": INVALID}


def test_answers_are_not_answered(board):
    for operation in (1, 3, 5, 7):
        assert board.take(encode(Framing.RAW, request(OS, 6, operation=operation))) == b""


def test_errors_of_the_group_in_both_versions(board):
    assert fields_of(board, request(NASC, 8, operation=WRITE)) == {"err": {"group": 64, "rc": 9}}
    assert fields_of(board, request(NASC, 8, operation=WRITE, version=0)) == {"rc": BAD_STATE}
    assert fields_of(board, request(OS, 0, {"d": 5}, operation=WRITE)) == {"rc": INVALID}


def test_an_uploads_error_keeps_the_offset(board):
    begin = {"off": 0, "data": b"", "len": 10, "sha": bytes(32)}
    assert fields_of(board, request(NASC, 2, begin, operation=WRITE)) == {"off": 0}
    assert fields_of(board, request(NASC, 2, {"off": 0, "data": b"1234"}, operation=WRITE)) == {"off": 4}
    # Another offset is no error.
    assert fields_of(board, request(NASC, 2, {"off": 7, "data": b"1"}, operation=WRITE)) == {"off": 4}
    too_much = fields_of(board, request(NASC, 2, {"off": 4, "data": b"1234567"}, operation=WRITE))
    assert too_much == {"err": {"group": 64, "rc": 4}, "off": 4}
    bad_digest = request(NASC, 2, {"off": 4, "data": b"123456"}, operation=WRITE, version=0)
    assert fields_of(board, bad_digest) == {"rc": CORRUPT, "off": 0}
    assert fields_of(board, request(NASC, 2, {"off": 10, "data": b"1"}, operation=WRITE)) == {"off": 0}


def test_without_an_upload_the_first_byte_is_expected_whatever_the_slot_held(board):
    client, _ = client_of(board, framing=Framing.RAW)
    for plan in (b"plan 1", b"plan 2"):
        client.commit(client.upload(plan))
    assert fields_of(board, request(NASC, 2, {"off": 6, "data": b"more"}, operation=WRITE)) == {"off": 0}


@pytest.mark.parametrize(
    ("command", "operation", "fields"),
    [
        (2, WRITE, {"off": 0}),
        (2, WRITE, {"data": b""}),
        (2, WRITE, {"off": "0", "data": b""}),
        (2, WRITE, {"off": 0, "data": "text"}),
        (2, WRITE, {"off": 0, "data": b"", "len": 5}),
        (2, WRITE, {"off": 0, "data": b"", "len": 5, "sha": bytes(31)}),
        (2, WRITE, {"off": 1, "data": b"", "len": 5, "sha": bytes(32)}),
        (2, WRITE, {"off": 0, "data": b"", "len": 2**32, "sha": bytes(32)}),
        (3, WRITE, {}),
        (3, WRITE, {"sha": b"short"}),
        (5, WRITE, {"runs": 0}),
        (5, WRITE, {"runs": 256}),
        (5, WRITE, {"runs": "1"}),
        (6, READ, {}),
        (6, READ, {"first": 1}),
        (7, WRITE, {"off": 0}),
        (9, READ, {}),
        (9, READ, {"off": 1001}),
    ],
)
def test_bad_requests(board, command, operation, fields):
    client, _ = client_of(board, framing=Framing.RAW)
    client.commit(client.upload(b"plan"))
    answer = fields_of(board, request(NASC, command, fields, operation=operation))
    assert answer["err"] == {"group": 64, "rc": 1}
