"""A shaping proxy in its own process, something behind it that answers, and a client that asks."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time

from nasc_sdk.link.shape import parse_address

TIMEOUT_S = 20.0


@contextlib.contextmanager
def shaping(to, *options):
    command = [sys.executable, "-m", "nasc_sdk", "shape", "--listen", "127.0.0.1:0", "--to", to, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_S) == 0


class EchoServer:
    """Answers each message (4 bytes of length, body) with 4 bytes; threads end with their connections."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self):
        while True:
            connection, _ = self.listener.accept()
            if not self.open:
                connection.close()
                return
            self.threads.append(threading.Thread(target=self._echo, args=(connection,)))
            self.threads[-1].start()

    open = True

    def _echo(self, connection):
        with connection, connection.makefile("rb") as file:
            connection.settimeout(TIMEOUT_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while header := file.read(4):
                file.read(int.from_bytes(header, "big"))
                connection.sendall(header)

    def close(self):
        self.open = False
        socket.create_connection(parse_address(self.address), TIMEOUT_S).close()
        for thread in self.threads:
            thread.join(TIMEOUT_S)
        self.listener.close()


@contextlib.contextmanager
def echoing():
    """The address of one."""
    server = EchoServer()
    try:
        yield server.address
    finally:
        server.close()


def connect(address):
    connection = socket.create_connection(parse_address(address), TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(connection, size):
    """Milliseconds of one exchange of ``size`` bytes."""
    started = time.perf_counter()
    connection.sendall((size - 4).to_bytes(4, "big") + bytes(size - 4))
    got = b""
    while len(got) < 4:
        data = connection.recv(4 - len(got))
        assert data, "the proxy closed the connection"
        got += data
    return (time.perf_counter() - started) * 1000
