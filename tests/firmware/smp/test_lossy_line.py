"""Uploads over a line that drops, doubles, corrupts, inserts and delays bytes; all from seeds, none in real time."""

import random

import pytest

from nasc_sdk.errors import RefusedError, UnreachableError
from nasc_sdk.mcu.smp_frames import Framing
from tests.firmware.smp.board import client_of

pytest.importorskip("cbor2", reason="cbor2 is not installed")


class LossyLine:
    """Each byte meets a fault with the given chance, in both directions; delays keep the order."""

    def __init__(self, seed, chance):
        self._random, self._chance = random.Random(seed), chance
        self._held = {"board": b"", "host": b""}
        self.faults = 0

    def to_board(self, data):
        return self._pass("board", data)

    def to_host(self, data):
        return self._pass("host", data)

    def released_to_board(self):
        return self._release("board")

    def released_to_host(self):
        return self._release("host")

    def _release(self, side):
        held, self._held[side] = self._held[side], b""
        return held

    def _pass(self, side, data):
        passed = bytearray(self._release(side))
        place = 0
        # The distance to the next fault, instead of a draw for each byte.
        while (fault := place + int(self._random.expovariate(self._chance))) < len(data):
            passed += data[place:fault] + self._fault(data[fault])
            place = fault + 1
            self.faults += 1
        passed += data[place:]
        if passed and self._random.random() < self._chance * 10:
            late = self._random.randrange(len(passed))
            self._held[side] = bytes(passed[late:])
            del passed[late:]
        return bytes(passed)

    def _fault(self, byte):
        match self._random.randrange(4):
            case 0:
                return b""
            case 1:
                return bytes((byte, byte))
            case 2:
                return bytes((self._random.randrange(256),))
            case _:
                return bytes((byte, self._random.randrange(256)))


@pytest.mark.parametrize(("chance", "uploads"), [(0.001, 50), (0.01, 50)])
def test_every_upload_arrives_or_is_given_up_cleanly_and_none_is_wrong(board, chance, uploads):
    draw = random.Random(f"{chance}")
    arrived = faults = 0
    for seed in range(uploads):
        plan = bytes((1, 5)) + draw.randbytes(draw.randrange(2_000, 12_000))
        line = LossyLine(seed, chance)
        client, _ = client_of(board, line, framing=Framing.RAW)
        before = board.active_plan()
        try:
            client.commit(client.upload(plan))
            arrived += 1
            assert board.active_plan() == plan
        except (UnreachableError, RefusedError):
            assert board.active_plan() in (before, plan)
        faults += line.faults
    assert arrived == uploads
    assert faults > uploads


def test_a_hopeless_line_is_given_up_in_a_bounded_time(board):
    good = bytes((1, 5)) + bytes(3000)
    client, _ = client_of(board, framing=Framing.RAW)
    client.commit(client.upload(good))
    for seed in range(5):
        client, wire = client_of(board, LossyLine(seed, 0.2), framing=Framing.RAW)
        with pytest.raises(UnreachableError):
            client.upload(bytes((2, 5)) + bytes(3000))
        assert wire.now_s < 100
        assert board.active_plan() == good


@pytest.mark.parametrize("seed", range(5))
def test_runs_over_a_bad_line_are_right(board, seed):
    client, _ = client_of(board, framing=Framing.RAW)
    client.commit(client.upload(bytes((3, 40)) + bytes(500)))
    client, _ = client_of(board, LossyLine(seed, 0.001))
    client.hello()
    content = random.Random(seed).randbytes(3000)
    _, output = client.infer(content)
    assert output == bytes((byte + 3) % 256 for byte in content[::3])
    client.profile()
    assert client.counts() == tuple(1 << index % 24 for index in range(40))
