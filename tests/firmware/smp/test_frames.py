"""The board's framing against Python's and against the smp package's."""

import random

import pytest

from nasc_sdk.mcu.smp_frames import FrameReceiver, Framing, encode
from nasc_sdk.mcu.smp_messages import Command, decode_response, encode_request

pytest.importorskip("cbor2", reason="cbor2 is not installed")

BOTH = pytest.mark.parametrize("framing", list(Framing))


def ping(text="hello", sequence=1):
    return encode_request(Command.ECHO, sequence, {"d": text})


def answers(data):
    """Sequence numbers of the answers among the board's bytes."""
    receiver = FrameReceiver()
    receiver.receive_data(data)
    return [decode_response(packet.content).sequence for packet in receiver.packets()]


@BOTH
@pytest.mark.parametrize("size", [0, 1, 2, 3, 80, 81, 82, 83, 84, 85, 86, 300, 480])
def test_any_length_goes_there_and_back(board, framing, size):
    answer = decode_response(board.ask(ping("x" * size), framing))
    assert answer.fields == {"r": "x" * size}


@BOTH
def test_any_pieces_will_do(board, framing):
    frame = encode(framing, ping("x" * 200))
    for piece in (1, 2, 3, 5, 64):
        sent = b"".join(board.take(frame[place : place + piece]) for place in range(0, len(frame), piece))
        assert answers(sent) == [1]


def test_console_bytes_are_those_of_the_smp_package(board):
    packets = pytest.importorskip("smp.packet", reason="smpclient is not installed")
    # Its line_length counts a byte that it does not send: 128 are lines of 127, as smpclient sends them.
    for size in (0, 1, 2, 70, 78, 79, 80, 81, 82, 171, 400):
        request = ping("x" * size)
        frame = b"".join(packets.encode(request, line_length=128))
        assert frame == encode(Framing.CONSOLE, request)
        sent = board.take(frame)
        lines = sent.splitlines(keepends=True)
        assert all(len(line) <= 127 for line in lines)
        decoder = packets.decode()
        next(decoder)
        for line in lines[:-1]:
            decoder.send(line)
        with pytest.raises(StopIteration) as end:
            decoder.send(lines[-1])
        assert sent == b"".join(packets.encode(end.value.value, line_length=128))


def test_lines_may_be_encoded_one_by_one_and_end_in_crlf(board):
    # The older mcumgr pads each line; 120 characters a line instead of 124 are as good.
    import base64
    import binascii

    packet = ping("x" * 200)
    body = (len(packet) + 2).to_bytes(2, "big") + packet + binascii.crc_hqx(packet, 0).to_bytes(2, "big")
    pieces = [body[place : place + 55] for place in range(0, len(body), 55)]
    marks = [b"\x06\x09"] + [b"\x04\x14"] * len(pieces)
    lines = [mark + base64.b64encode(piece) + b"\r\n" for mark, piece in zip(marks, pieces, strict=False)]
    assert answers(board.take(b"boot: ready\n" + b"a log line\n".join(lines))) == [1]


@BOTH
def test_no_beginning_of_a_frame_is_answered(board, framing):
    frame = encode(framing, ping("x" * 150))
    for end in range(len(frame)):
        assert board.take(frame[:end]) == b""
        assert board.idle() == b""
    assert answers(board.take(frame)) == [1]


@BOTH
def test_after_any_one_damaged_byte_the_next_packet_is_answered_at_once(board, framing):
    damaged, good = encode(framing, ping("x" * 150)), encode(framing, ping("y", 2))
    draw = random.Random(3)
    for place in range(len(damaged)):
        flipped = bytes((damaged[place] ^ draw.randrange(1, 256),))
        before, after = damaged[:place], damaged[place + 1 :]
        for frame in (before + after, before + flipped + after, before + flipped + damaged[place:]):
            found = answers(board.take(frame + good))
            # A byte put before a frame, or between lines, damages nothing.
            assert found in ([2], [1, 2]), (place, frame)


@BOTH
def test_a_wrong_crc_is_never_answered(board, framing):
    frame = encode(framing, ping("x" * 60))
    for place in range(len(frame)):
        for bit in range(8):
            damaged = bytearray(frame)
            damaged[place] ^= 1 << bit
            sent = board.take(bytes(damaged)) + board.idle()
            # Of a line, the same packet may still come out: base64's last character has bits that nobody reads.
            allowed = ([], [1]) if framing is Framing.CONSOLE else ([],)
            assert answers(sent) in allowed, (place, bit)


def false_header(length):
    """Of a frame that never comes; its check is right by chance."""
    return b"\xd3\x9e" + length.to_bytes(2, "big") + bytes((0xA5 ^ length >> 8 ^ length & 0xFF,))


def test_frames_inside_false_ones_inside_false_ones_are_found(board):
    whole = false_header(20) + bytes(24)
    inside = whole + encode(Framing.RAW, ping()) + b"?" + whole + encode(Framing.CONSOLE, ping("x", 2)) + whole
    for before in (b"", b"\xd3", false_header(9), b"??" + whole):
        assert answers(board.take(false_header(600) + before + inside + bytes(700))) == [1, 2]
        board.take(false_header(700) + before + inside)
        assert answers(board.take(inside) + board.idle()) == [1, 2, 1, 2]


def test_a_frame_inside_a_false_one_is_found(board):
    false = false_header(600)
    for framing in Framing:
        frame = encode(framing, ping("inside"))
        assert board.take(false + frame) == b""
        assert answers(board.idle()) == [1]
        assert answers(board.take(false * 3 + frame + bytes(700))) == [1]


def test_a_damaged_length_keeps_nobody_waiting(board):
    good = encode(Framing.RAW, ping())
    for length in (7, 600, 1281, 65535):
        for flipped in (0, 1, 128) if length == 600 else (0,):
            header = bytearray(false_header(length))
            header[4] ^= flipped
            if length != 600 or flipped:
                assert answers(board.take(bytes(header) + good)) == [1], (length, flipped)


def test_an_endless_line_fills_the_buffer_and_no_more(board):
    for count in (1289 * 4 // 3, 1290 * 4 // 3 + 4, 2500, 30_000):
        # The length of a packet that would fit, then more characters than it has.
        assert board.take(b"\x06\x09BQI=" + b"A" * count + b"\n") == b""
        assert board.take(b"\x06\x09BQIA" + b"A" * count + b"\n") == b""
        assert board.take(b"\x06\x09BQIA\n" + (b"\x04\x14" + b"A" * 124 + b"\n") * (count // 100)) == b""
        assert answers(board.take(encode(Framing.RAW, ping()))) == [1]


def test_a_short_silence_gives_up_nothing(board):
    frame = encode(Framing.RAW, ping())
    board.take(frame[:20])
    assert board.idle(50) == b""
    assert answers(board.take(frame[20:])) == [1]


def test_false_marks_throughout_cost_a_bounded_time(board):
    header = b"\xd3\x9e\x04\xb0" + bytes((0xA5 ^ 0x04 ^ 0xB0,))
    sent = b"".join(board.take(header * 1000) for _ in range(10))
    assert sent + board.idle() == b""
    assert answers(board.take(encode(Framing.RAW, ping()))) == [1]


def test_each_packet_is_answered_in_its_own_framing(board):
    mixed = [encode(framing, ping("x", index)) for index, framing in enumerate([*Framing] * 3)]
    assert answers(board.take(b"noise\n".join(mixed))) == list(range(6))


def test_a_length_beyond_the_largest_packet_is_refused(board):
    for size in (1281, 2000, 65000):
        board.take(encode(Framing.RAW, bytes(size)) if size < 3000 else b"\xd3\x9e\xfd\xe8\xf0")
        assert board.take(encode(Framing.CONSOLE, bytes(size))) == b""
        assert answers(board.take(encode(Framing.RAW, ping()))) == [1]
