"""Python's framing by itself; the board's is tested against it in tests/firmware/smp."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasc_sdk.mcu.smp_frames import FrameReceiver, Framing, encode

packets = st.binary(min_size=8, max_size=700)
framings = st.sampled_from(Framing)


def contents(receiver, data):
    receiver.receive_data(data)
    return [packet.content for packet in receiver.packets()]


@given(st.lists(st.tuples(framings, packets), max_size=6), st.integers(1, 50))
def test_what_goes_in_comes_out_in_any_pieces(frames, piece):
    receiver, found = FrameReceiver(), []
    line = b"".join(encode(framing, packet) for framing, packet in frames)
    for place in range(0, len(line), piece):
        receiver.receive_data(line[place : place + piece])
        found += [(packet.framing, packet.content) for packet in receiver.packets()]
    assert found == frames
    assert receiver.dropped_frames == 0


@given(st.binary(max_size=300))
def test_noise_is_no_packet_and_a_packet_after_it_is_found(noise):
    for framing in Framing:
        receiver = FrameReceiver()
        found = contents(receiver, noise + encode(framing, b"a packet"))
        assert found + [packet.content for packet in receiver.idle()] == [b"a packet"]


@pytest.mark.parametrize("framing", list(Framing))
def test_no_beginning_of_a_frame_is_a_packet(framing):
    frame = encode(framing, bytes(range(200)))
    for end in range(len(frame)):
        receiver = FrameReceiver()
        assert contents(receiver, frame[:end]) == []
        assert receiver.idle() == []
        assert contents(receiver, encode(framing, b"a packet")) == [b"a packet"]


@pytest.mark.parametrize("framing", list(Framing))
def test_one_damaged_byte_costs_one_packet_at_most(framing):
    draw = random.Random(5)
    frame, good = encode(framing, draw.randbytes(150)), encode(framing, b"a packet")
    for place in range(len(frame)):
        flipped = bytes((frame[place] ^ draw.randrange(1, 256),))
        for damaged in (frame[:place] + frame[place + 1 :], frame[:place] + flipped + frame[place + 1 :]):
            receiver = FrameReceiver()
            found = contents(receiver, damaged + good) + [packet.content for packet in receiver.idle()]
            assert found[-1:] == [b"a packet"], (place, damaged)
            # Only the newline may be another: the next line's mark ends a line as well, but not its packet.
            assert len(found) == 1 or damaged[:place] == frame[:place] == damaged


@pytest.mark.parametrize("size", [0, 7, 65534])
def test_packets_that_no_frame_can_hold(size):
    for framing in Framing:
        with pytest.raises(ValueError, match=str(size)):
            encode(framing, bytes(size))


def test_an_endless_line_is_not_kept():
    receiver = FrameReceiver(max_packet_bytes=100)
    for _ in range(100):
        assert contents(receiver, b"\x06\x09" + b"A" * 1000) == []
        assert len(receiver._buffer) < 2000
