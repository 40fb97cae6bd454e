"""The shaping proxy as its own process: real sockets, changes at run time, ends, and bounded buffers."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from nasc_sdk.errors import InputError, RefusedError, UnreachableError
from nasc_sdk.link.shape import parse_address, set_link
from nasc_sdk.link.shaped_line import Shape
from tests.link.proxies import TIMEOUT_S, ask, connect, echoing, shaping


@pytest.fixture
def echo():
    with echoing() as address:
        yield address


def test_transfers_take_what_the_link_says_and_changes_hold_at_once(echo):
    with (
        shaping(echo, "--rate-mbit", "50", "--round-trip-ms", "2") as ready,
        connect(ready["listen"]) as c,
    ):
        fast = min(ask(c, 12_500) for _ in range(15))
        shape = set_link(ready["control"], rate_mbit=2, round_trip_ms=60)
        assert (shape.rate_mbit, shape.round_trip_ms) == (2, 60)
        slow = min(ask(c, 12_500) for _ in range(3))
        set_link(ready["control"], rate_mbit=50, round_trip_ms=2)
        again = min(ask(c, 12_500) for _ in range(15))
    # Never faster than the link; how much slower is the machine's affair, as long as the links can be told apart.
    assert 3.6 < fast < 54
    assert slow > 108
    assert 3.6 < again < 54


def test_many_connections_share_the_link(echo):
    with (
        shaping(echo, "--rate-mbit", "20", "--round-trip-ms", "0") as ready,
        contextlib.ExitStack() as stack,
    ):
        connections = [stack.enter_context(connect(ready["listen"])) for _ in range(20)]
        with ThreadPoolExecutor(len(connections)) as pool:
            started = time.perf_counter()
            took_ms = list(pool.map(lambda c: ask(c, 25_000), connections))
            elapsed_s = time.perf_counter() - started
    assert len(took_ms) == 20
    assert elapsed_s > 0.19


def test_end_of_stream_arrives_after_the_data(echo):
    link = ("--rate-mbit", "5", "--round-trip-ms", "40")
    with shaping(echo, *link) as ready, connect(ready["listen"]) as c:
        c.sendall((100).to_bytes(4, "big") + bytes(100))
        c.shutdown(socket.SHUT_WR)
        assert c.recv(4) == (100).to_bytes(4, "big")
        assert c.recv(1) == b""


def test_a_server_that_is_not_there_closes_at_once():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    reset = contextlib.suppress(ConnectionResetError)
    with shaping(address) as ready, connect(ready["listen"]) as c, reset:
        assert c.recv(1) == b""


def test_a_source_faster_than_the_link_is_not_read_without_end():
    with socket.create_server(("127.0.0.1", 0)) as sink:
        address = f"127.0.0.1:{sink.getsockname()[1]}"
        with shaping(address, "--rate-mbit", "1") as ready, connect(ready["listen"]) as c:
            c.settimeout(0.5)
            with pytest.raises(TimeoutError):
                c.sendall(bytes(64 << 20))


def test_control_says_what_is_wrong_and_goes_on(echo):
    with shaping(echo) as ready:
        for fields in ({"rate_mbit": 0}, {"colour": 3}, {"loss": 2}):
            with pytest.raises(RefusedError) as caught:
                set_link(ready["control"], **fields)
            assert caught.value.code == "bad_link"
        with (
            socket.create_connection(parse_address(ready["control"]), TIMEOUT_S) as c,
            c.makefile("rb") as file,
        ):
            for line in (b"not json\n", b"[]\n", b"[" * 4000 + b"\n", b'{"loss": "x"}\n', b"\xff\n"):
                c.sendall(line)
                assert json.loads(file.readline())["ok"] is False
            c.sendall(b'{"loss": 0.1}\n')
            assert json.loads(file.readline()) == {"ok": True, **vars_of(Shape(50, 0, 2, 0, 0.1))}
        with socket.create_connection(parse_address(ready["control"]), TIMEOUT_S) as c:
            c.sendall(b"x" * 10_000)
            with contextlib.suppress(ConnectionResetError):
                assert c.recv(1) == b""
        assert set_link(ready["control"]).loss == 0.1


def vars_of(shape):
    return {name: getattr(shape, name) for name in Shape.__slots__}


def test_nobody_at_the_control_port():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(UnreachableError):
        set_link(address, rate_mbit=1, timeout_s=2)


def test_an_address_that_is_taken_is_an_input_error(echo):
    command = [sys.executable, "-m", "nasc_sdk", "shape", "--listen", echo, "--to", echo]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 3
    assert f"cannot listen on {echo}: already in use" in done.stderr
    assert "port 0 takes a free one" in done.stderr


@pytest.mark.parametrize("text", ["", "host", ":1", "host:", "host:x", "host:70000"])
def test_addresses_that_are_none(text):
    with pytest.raises(InputError, match="host:port"):
        parse_address(text)
