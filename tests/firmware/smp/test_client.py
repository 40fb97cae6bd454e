"""The Python client against the firmware's server."""

import hashlib
import random

import pytest

from nasc_sdk.errors import RefusedError, RemoteProtocolError, UnreachableError
from nasc_sdk.mcu.smp_cbor import decode_map, encode_map
from nasc_sdk.mcu.smp_client import SmpClient
from nasc_sdk.mcu.smp_frames import FrameReceiver, Framing, encode
from nasc_sdk.mcu.smp_messages import HEADER, Command, SlotState, TimeUnit, encode_request
from tests.firmware.smp.board import PerfectLine, client_of

pytest.importorskip("cbor2", reason="cbor2 is not installed")

BOTH = pytest.mark.parametrize("framing", list(Framing))


def plan_of(size, first=1, operators=5):
    return bytes((first, operators)) + random.Random(size).randbytes(size - 2)


def test_hello_says_what_the_board_is_and_raw_framing_is_taken_up(board):
    client, _ = client_of(board)
    assert client.framing is Framing.CONSOLE
    hello = client.hello()
    assert client.framing is Framing.RAW
    assert (hello.board, hello.core, hello.clock_hz) == ("host-double", "x86-64", 10**9)
    assert (hello.ram_bytes, hello.flash_bytes, hello.arena_bytes) == (131072, 1048576, 65536)
    assert (hello.kernels, hello.packing, hello.unique_id) == ("plain", 0, "0102030405060708090a0bff")
    assert (hello.time_source, hello.time_unit, hello.time_hz) == ("none", TimeUnit.TICKS, 10**6)
    assert (hello.slot_bytes, hello.packet_bytes, hello.window) == (262144, 768, 4)
    assert client.hello() == hello


@BOTH
def test_a_plan_is_brought_committed_and_run(board, framing):
    client, _ = client_of(board, framing=framing)
    plan, told = plan_of(20_000), []
    sha256 = client.upload(plan, lambda done, whole: told.append((done, whole)))
    assert sha256 == hashlib.sha256(plan).hexdigest()
    assert told == sorted(set(told))
    assert told[-1] == (len(plan), len(plan))
    assert [slot.state for slot in client.slots()] == [SlotState.COMPLETE, SlotState.EMPTY]
    client.commit(sha256)
    client.commit(sha256)
    assert board.active_plan() == plan
    assert [slot.state for slot in client.slots()] == [SlotState.ACTIVE, SlotState.EMPTY]
    content = bytes(range(250)) * 12
    run, output = client.infer(content)
    assert output == bytes((byte + 1) % 256 for byte in content[::3])
    assert run.output_bytes == 1000
    assert run.whole_counts == 7 + 0b11111


def test_counts_come_in_pages(board):
    client, _ = client_of(board, framing=Framing.RAW)
    client.commit(client.upload(plan_of(100, operators=255)))
    profile = client.profile(runs=3)
    assert (profile.operators, profile.overhead_counts) == (255, 12)
    assert (profile.arena_used_bytes, profile.arena_bytes) == (40000, 65536)
    counts = client.counts()
    assert counts == tuple(1 << index % 24 for index in range(255))
    assert profile.whole_counts == 7 + sum(counts)
    assert client.names() == ("block/tensor", "odd") * 127 + ("block/tensor",)


class EndlessBoard:
    """A wire to a board that has one more, however much it was asked for."""

    def __init__(self, **more):
        self._more, self._receiver, self._answers = more, FrameReceiver(), b""

    def send(self, data):
        self._receiver.receive_data(data)
        for packet in self._receiver.packets():
            first, _, _, group, sequence, number = HEADER.unpack_from(packet.content)
            page = encode_map(decode_map(packet.content[HEADER.size :]) | self._more)
            answer = HEADER.pack(first + 1, 0, len(page), group, sequence, number) + page
            self._answers += encode(packet.framing, answer)

    def receive(self, timeout_s):
        data, self._answers = self._answers, b""
        return data


def test_a_board_that_never_comes_to_an_end_is_given_up():
    with pytest.raises(RemoteProtocolError, match="counts of more than 256 operators"):
        SmpClient(EndlessBoard(counts=[7] * 64)).counts()
    with pytest.raises(RemoteProtocolError, match="names of more than 256 operators"):
        SmpClient(EndlessBoard(names=["odd"] * 64)).names()


def test_a_refused_plan_says_why_and_the_active_one_stays(board):
    client, _ = client_of(board, framing=Framing.RAW)
    good = plan_of(500)
    client.commit(client.upload(good))
    with pytest.raises(RefusedError, match=r"bounds of operator 3 \[bad_plan\]"):
        client.commit(client.upload(plan_of(600, first=0xFF)))
    with pytest.raises(RefusedError) as refused:
        client.commit(client.upload(plan_of(600, first=0xFE)))
    with pytest.raises(RefusedError, match=r"flash stays busy \[busy\]"):
        client.upload(plan_of(600, first=0xFD))
    assert refused.value.code == "golden_failed"
    with pytest.raises(RefusedError, match="unknown"):
        client.commit("00" * 32)
    assert board.active_plan() == good


def test_revert_goes_back_and_a_second_time_forth(board):
    client, _ = client_of(board, framing=Framing.RAW)
    plans = [plan_of(500), plan_of(501)]
    with pytest.raises(RefusedError, match="unknown"):
        client.revert()
    for plan in plans:
        client.commit(client.upload(plan))
    client.revert()
    assert board.active_plan() == plans[0]
    client.revert()
    assert board.active_plan() == plans[1]


def test_without_a_head(board):
    client, _ = client_of(board, framing=Framing.RAW)
    for ask in (client.profile, lambda: client.infer(b"1"), lambda: client.infer(b"")):
        with pytest.raises(RefusedError) as refused:
            ask()
        assert refused.value.code == "no_head"


@pytest.mark.parametrize("size", [0, 262145])
def test_a_plan_of_no_possible_size_is_refused(board, size):
    client, _ = client_of(board, framing=Framing.RAW)
    with pytest.raises(RefusedError) as refused:
        client.upload(bytes(size))
    assert refused.value.code == "too_large"


def test_an_input_larger_than_the_heads_is_refused(board):
    client, _ = client_of(board, framing=Framing.RAW)
    client.commit(client.upload(plan_of(500)))
    with pytest.raises(RefusedError) as refused:
        client.infer(bytes(3001))
    assert refused.value.code == "too_large"


def test_echo_and_reset(board):
    client, _ = client_of(board)
    assert client.echo("grüß dich") == "grüß dich"
    client.upload(plan_of(500))
    client.reset()
    assert [slot.state for slot in client.slots()] == [SlotState.EMPTY] * 2


class CutLine(PerfectLine):
    """Silent from a number of frames on."""

    def __init__(self, frames):
        self._frames = frames

    def to_board(self, data):
        self._frames -= 1
        return data if self._frames >= 0 else b""


def test_an_upload_goes_on_where_it_ended(board):
    plan = plan_of(30_000)
    client, wire = client_of(board, CutLine(12), framing=Framing.RAW)
    with pytest.raises(UnreachableError, match=r"of 30000 bytes arrived in .*; a new upload goes on from there"):
        client.upload(plan)
    client, wire = client_of(board, framing=Framing.RAW)
    client.commit(client.upload(plan))
    assert board.active_plan() == plan
    assert wire.sent_bytes < 24_000


class HesitantLine(PerfectLine):
    """Passes the first packets, then what is sent within moments that are so far apart."""

    MOMENT_S = 0.03
    wire = None

    def __init__(self, silent_s, first):
        self._silent_s, self._first, self._ends_s = silent_s, first, 0.0

    def to_board(self, data):
        self._first -= 1
        if self._first < 0 and self.wire.now_s >= self._ends_s + self._silent_s:
            self._ends_s = self.wire.now_s + self.MOMENT_S
        return data if self._first >= 0 or self.wire.now_s < self._ends_s else b""


def hesitant(board, silent_s, **options):
    line = HesitantLine(silent_s, first=8)
    client, line.wire = client_of(board, line, framing=Framing.RAW, **options)
    return client, line.wire


def test_an_upload_that_moves_is_waited_for(board):
    client, wire = hesitant(board, 6.0, slow_timeout_s=900)
    client.upload(plan_of(5_000))
    assert wire.now_s > 20


def test_an_upload_that_stands_still_is_given_up(board):
    client, wire = hesitant(board, 20.0)
    with pytest.raises(UnreachableError, match=r" of 8000 bytes arrived in 1. s, none in the last 1[01] s"):
        client.upload(plan_of(8_000))
    assert 10 <= wire.now_s < 15


def test_an_upload_that_takes_for_ever_is_given_up(board):
    client, wire = hesitant(board, 6.0)
    with pytest.raises(UnreachableError, match=r"of 30000 bytes arrived in 33. s"):
        client.upload(plan_of(30_000))
    assert 330 <= wire.now_s < 345


def test_a_silent_board_is_given_up_in_a_bounded_time(board):
    client, wire = client_of(board, CutLine(0), timeout_s=1, attempts=4)
    with pytest.raises(UnreachableError, match=r"does not answer hello, asked 7 times in 4 s$"):
        client.hello()
    assert 4 <= wire.now_s < 4.5


def test_a_run_is_waited_for_as_long_as_it_may_take(board):
    client, wire = client_of(board, CutLine(0), framing=Framing.RAW, slow_timeout_s=30.0, attempts=1)
    client.allow(70.0)
    with pytest.raises(UnreachableError, match="does not answer profile"):
        client.profile()
    assert 100 <= wire.now_s < 101


class FalseLengthLine(PerfectLine):
    """Once, a frame's length is damaged and its check with it."""

    def __init__(self, frame):
        self._frame = frame

    def to_board(self, data):
        self._frame -= 1
        return b"\xd3\x9e\x05\x00\xa0" + data if self._frame == 0 else data


@pytest.mark.parametrize("frame", [1, 2, 3, 8])
def test_a_damaged_length_is_survived_without_a_clock(board, frame):
    client, _ = client_of(board, FalseLengthLine(frame), tells_silence=False, framing=Framing.RAW)
    plan = plan_of(10_000)
    client.commit(client.upload(plan))
    assert board.active_plan() == plan


class FalseLengthAnswerLine(PerfectLine):
    """A false header before each answer: of a frame much longer than the answer."""

    def to_host(self, data):
        return b"\xd3\x9e\x0f\x00\xaa" + data if data else data


def test_an_answer_behind_a_damaged_length_is_found(board):
    client, _ = client_of(board, FalseLengthAnswerLine(), framing=Framing.RAW, attempts=1)
    assert client.hello().board == "host-double"


class LostRunLine(PerfectLine):
    """The answer to the first run is lost."""

    def __init__(self):
        self._lost = False

    def to_host(self, data):
        # Header: group 64, any sequence number, command 8.
        if not self._lost and data[9:11] == b"\x00\x40" and data[12:13] == b"\x08":
            self._lost = True
            return b""
        return data


def test_a_run_whose_answer_was_lost_is_made_again_with_its_input(board):
    client, _ = client_of(board, framing=Framing.RAW)
    client.commit(client.upload(plan_of(500)))
    line = LostRunLine()
    client, _ = client_of(board, line, framing=Framing.RAW)
    _, output = client.infer(bytes(range(250)) * 12)
    assert line._lost
    assert output == bytes((byte + 1) % 256 for byte in (bytes(range(250)) * 12)[::3])


class TwoHostsLine(PerfectLine):
    """Another host runs the head on an input of its own before the output is read."""

    def __init__(self, board):
        self._board = board

    def to_board(self, data):
        if data[12:13] == bytes((Command.OUTPUT & 0xFF,)):
            for at in range(0, 3000, 500):
                self._board.ask(encode_request(Command.INPUT, 0, {"off": at, "data": bytes(500)}))
            self._board.ask(encode_request(Command.RUN, 0, {}))
        return data


def test_an_output_of_another_run_is_not_taken(board):
    client, _ = client_of(board, framing=Framing.RAW)
    client.commit(client.upload(plan_of(500)))
    client, _ = client_of(board, TwoHostsLine(board), framing=Framing.RAW)
    with pytest.raises(RemoteProtocolError, match="does another host ask it too"):
        client.infer(bytes(range(250)) * 12)


class ResettingLine(PerfectLine):
    """The board loses its power in the middle of the upload, once."""

    def __init__(self, board):
        self._board, self._frames = board, 0

    def to_board(self, data):
        self._frames += 1
        if self._frames == 10:
            self._board.power_cycle()
        return data


def test_a_board_that_was_reset_is_sent_everything_again(board):
    plan = plan_of(30_000)
    client, _ = client_of(board, ResettingLine(board), framing=Framing.RAW)
    client.commit(client.upload(plan))
    assert board.active_plan() == plan


class LateLine(PerfectLine):
    """Every answer comes twice, and the first one only after the host has asked again."""

    def __init__(self):
        self._late = b""

    def to_host(self, data):
        late, self._late = self._late, data
        return late + late


def test_late_and_repeated_answers_do_no_harm(board):
    client, _ = client_of(board, LateLine(), framing=Framing.RAW, attempts=8)
    plan = plan_of(8_000)
    client.commit(client.upload(plan))
    assert board.active_plan() == plan
    assert client.infer(bytes(3000))[1][:100] == b"\x01" * 100
    assert client.profile().operators == 5


def test_a_large_upload_uses_the_line_well(board):
    plan = plan_of(200_000)
    client, wire = client_of(board, framing=Framing.RAW)
    client.upload(plan)
    assert len(plan) / wire.sent_bytes >= 0.95
    console, console_wire = client_of(board, framing=Framing.CONSOLE)
    board.power_cycle()
    console.upload(plan)
    assert 0.70 < len(plan) / console_wire.sent_bytes < 0.75


def test_a_line_that_echoes_is_no_board():
    class Echo:
        def __init__(self):
            self._data = b""

        def send(self, data):
            self._data += data

        def receive(self, timeout_s):
            data, self._data = self._data, b""
            self.now_s = getattr(self, "now_s", 0) + (0 if data else timeout_s)
            return data

        def close(self):
            pass

    from nasc_sdk.mcu.smp_client import SmpClient

    wire = Echo()
    wire.now_s = 0.0
    with pytest.raises(UnreachableError):
        SmpClient(wire, clock=lambda: wire.now_s).hello()


def test_frames_are_counted_that_came_to_nothing():
    receiver = FrameReceiver()
    receiver.receive_data(b"\xd3\x9e\x00\x08\xad" + bytes(12))
    assert receiver.next_packet() is None
    assert receiver.dropped_frames == 1
