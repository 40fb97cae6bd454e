import os
import pty
import threading
import time
import tty

import pytest

from nasc_sdk.errors import InputError, UnreachableError
from nasc_sdk.mcu.serial_wire import SerialWire
from nasc_sdk.mcu.smp_client import SmpClient
from tests.firmware.smp.building import build
from tests.firmware.smp.terminal import terminal_board


@pytest.fixture
def terminal():
    """The board's end, and the port's name."""
    board_end, host_end = pty.openpty()
    tty.setraw(host_end)
    ends = [board_end, host_end]
    yield ends, os.ttyname(host_end)
    for end in ends:
        os.close(end)


def test_bytes_go_both_ways(terminal):
    (board_end, _), name = terminal
    wire = SerialWire(name)
    wire.send(b"\x00\xff\n\r" * 100)
    assert os.read(board_end, 1000) == b"\x00\xff\n\r" * 100
    os.write(board_end, b"\x11\x13\x04answer")
    assert wire.receive(5) == b"\x11\x13\x04answer"
    wire.close()
    wire.close()


def test_waiting_is_bounded(terminal):
    wire = SerialWire(terminal[1])
    started_s = time.monotonic()
    assert wire.receive(0.1) == b""
    assert 0.09 < time.monotonic() - started_s < 2
    wire.close()


def test_a_port_is_for_one(terminal):
    wire = SerialWire(terminal[1])
    with pytest.raises(UnreachableError, match="another program has it open"):
        SerialWire(terminal[1])
    wire.close()


def test_ports_that_cannot_be_opened(tmp_path):
    with pytest.raises(UnreachableError, match="no such port"):
        SerialWire(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="-5 baud"):
        SerialWire(str(tmp_path / "absent"), -5)


def test_a_board_that_vanishes_is_said_to(terminal):
    ends, name = terminal
    wire = SerialWire(name)
    timer = threading.Timer(0.1, lambda: os.close(ends.pop(0)))
    timer.start()
    with pytest.raises(UnreachableError, match="the board is gone"):
        wire.receive(20)
    with pytest.raises(UnreachableError, match="the board is gone"):
        wire.send(b"x" * 1000)
    timer.join()
    wire.close()
    with pytest.raises(UnreachableError, match="the port was closed"):
        wire.receive(0.1)
    with pytest.raises(UnreachableError, match="the port was closed"):
        wire.send(b"x")


@pytest.mark.system
def test_a_whole_visit_and_the_board_is_unplugged(tmp_path):
    pytest.importorskip("cbor2", reason="cbor2 is not installed")
    with terminal_board(build(tmp_path, "server")) as (name, unplug):
        client = SmpClient(SerialWire(name), timeout_s=5)
        assert client.hello().board == "host-double"
        plan = bytes((1, 5)) + os.urandom(100_000)
        client.commit(client.upload(plan))
        assert client.infer(bytes(3000))[1] == b"\x01" * 1000
        assert len(client.counts()) == 0
        client.profile()
        assert len(client.counts()) == 5
        client.close()
        impatient = SmpClient(SerialWire(name), timeout_s=0.05, attempts=2)
        unplug()
        with pytest.raises(UnreachableError):
            impatient.hello()
        impatient.close()
