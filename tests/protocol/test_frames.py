"""Frames: round trips, every truncation, random bytes, and no cost for small pieces."""

import itertools
import random
import struct

import pytest

from nasc_sdk.errors import RemoteProtocolError
from nasc_sdk.protocol.frames import (
    MAX_COUNT,
    MAX_PAYLOAD,
    Error,
    FrameParser,
    Ping,
    Pong,
    Reply,
    Request,
    Status,
    encode,
)

FRAMES = [
    Request("0011223344aabbff", 7, bytes(range(256)) * 10),
    Request("ffffffffffffffff", 0xFFFFFFFF, b"", MAX_COUNT),
    Reply(7, Status.OK, b"\0\0\x80?" * 10, 1, 2, 3, 4),
    Reply(8, Status.UNKNOWN_CONTRACT, "nö".encode()),
    Ping(1),
    Ping(2, b"x" * 5000),
    Pong(1, 99),
    Error("bye"),
    Error(""),
]


def parse(data, pieces=None):
    parser, frames = FrameParser(), []
    for piece in pieces or [data]:
        parser.receive_data(piece)
        frames.extend(parser.frames())
    return frames, parser.pending


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_round_trip(frame):
    assert parse(encode(frame)) == ([frame], 0)


def test_stream_of_frames_in_random_pieces():
    data, rng = b"".join(map(encode, FRAMES)), random.Random(1)
    for _ in range(50):
        cuts = sorted(rng.randrange(len(data)) for _ in range(rng.randrange(1, 60)))
        edges = [0, *cuts, len(data)]
        pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
        assert parse(data, pieces) == (FRAMES, 0)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_every_truncation_waits_for_more(frame):
    data = encode(frame)
    for length in range(len(data)):
        assert parse(data[:length]) == ([], length)


@pytest.mark.parametrize(
    "frame", [f for f in FRAMES if not isinstance(f, Error)], ids=lambda f: type(f).__name__
)
def test_every_body_too_short_for_its_kind_is_refused(frame):
    data = encode(frame)
    fixed = {Request: 16, Reply: 21, Ping: 4, Pong: 8}[type(frame)]
    for length in range(fixed):
        header = data[:4] + struct.pack(">I", length)
        with pytest.raises(RemoteProtocolError, match=type(frame).__name__):
            parse(header + data[8 : 8 + length])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"G", "starts with"),
        (b"NX", "starts with"),
        (b"GET / HTTP/1.1\r\n", "starts with"),
        (b"NF\x02", "version 2"),
        (b"NF\x01\x00\0\0\0\0", "kind 0"),
        (b"NF\x01\x06\0\0\0\0", "kind 6"),
        (b"NF\x01\x01" + struct.pack(">I", MAX_PAYLOAD + 65), "over the limit"),
        (b"NF\x01\x01\xff\xff\xff\xff", "over the limit"),
        (b"NF\x01\x01" + struct.pack(">I8sII", 16, b"a" * 8, 1, 0), "0 samples"),
        (b"NF\x01\x01" + struct.pack(">I8sII", 16, b"a" * 8, 1, MAX_COUNT + 1), "samples"),
        (b"NF\x01\x02" + struct.pack(">IIBIIII", 21, 1, 9, 0, 0, 0, 0), "status 9"),
        (b"NF\x01\x04" + struct.pack(">I9s", 9, b"long pong"), "Pong"),
    ],
)
def test_bad_bytes_are_refused_and_the_stream_stays_refused(data, reason):
    parser = FrameParser("board")
    parser.receive_data(data)
    with pytest.raises(RemoteProtocolError, match=reason) as caught:
        list(parser.frames())
    assert caught.value.where == "board"
    parser.receive_data(encode(Ping(1)))
    with pytest.raises(RemoteProtocolError, match=reason):
        list(parser.frames())
    assert parser.pending == 0


def test_random_and_flipped_bytes_never_raise_anything_else():
    rng = random.Random(2)
    good = b"".join(map(encode, FRAMES))
    for _ in range(3000):
        data = (
            bytearray(good[: rng.randrange(len(good))])
            if rng.random() < 0.7
            else bytearray(rng.randbytes(40))
        )
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            parse(bytes(data))
        except RemoteProtocolError:
            continue


def test_a_smaller_limit_is_obeyed_before_the_payload_comes():
    parser = FrameParser(max_payload=1000)
    parser.receive_data(encode(Request("00" * 8, 1, bytes(2000)))[:8])
    with pytest.raises(RemoteProtocolError, match="over the limit"):
        parser.next_frame()


def test_the_largest_payload_in_small_pieces():
    data = encode(Request("00" * 8, 1, bytes(MAX_PAYLOAD)))
    parser = FrameParser()
    frames = []
    for start in range(0, len(data), 4096):
        parser.receive_data(data[start : start + 4096])
        frames.extend(parser.frames())
    assert len(frames) == 1
    assert len(frames[0].payload) == MAX_PAYLOAD


@pytest.mark.parametrize(
    "frame",
    [
        Request("zz" * 8, 1, b""),
        Request("00", 1, b""),
        Request("00" * 8, -1, b""),
        Request("00" * 8, 1, b"", 0),
        Request("00" * 8, 1, bytes(MAX_PAYLOAD + 100)),
    ],
)
def test_our_own_mistakes_are_value_errors(frame):
    with pytest.raises(ValueError, match=r"."):
        encode(frame)


def test_reply_says_what_the_server_kept_it_for():
    reply = Reply(1, Status.OK, b"", receive_us=100, queue_us=1, decode_us=2, tail_us=3)
    assert reply.server_us == 6
    assert reply.reason == ""
    assert Reply(1, Status.FAILED, b"broken").reason == "broken"


def test_times_that_do_not_fit_are_capped():
    assert parse(encode(Reply(1, Status.OK, tail_us=1 << 40)))[0][0].tail_us == 0xFFFFFFFF
