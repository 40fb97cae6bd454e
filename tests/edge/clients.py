"""A blocking client of the tensor port, and a server in a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

from nasc_edge.server import Limits, TensorServer
from nasc_sdk.protocol.frames import FrameParser, Request, encode

TIMEOUT_S = 20.0


class Client:
    def __init__(self, port, host="127.0.0.1", timeout_s=TIMEOUT_S):
        self.socket = socket.create_connection((host, port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.parser = FrameParser("server")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, frame):
        self.socket.sendall(encode(frame))

    def receive(self):
        """The next frame, None at the end of the stream."""
        while (frame := self.parser.next_frame()) is None:
            data = self.socket.recv(65536)
            if not data:
                return None
            self.parser.receive_data(data)
        return frame

    def ask(self, contract, payload, count=1, request_id=1):
        self.send(Request(contract, request_id, payload, count))
        return self.receive()


@contextlib.contextmanager
def serving(store, *, workers=1, limits=None):
    """(port, server) of a TensorServer on its own event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(TIMEOUT_S)

    server = TensorServer(store, workers=workers, limits=limits or Limits())
    try:
        yield call(server.start("127.0.0.1", 0)), server
    finally:
        call(server.close())
        call(loop.shutdown_default_executor())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT_S)
        loop.close()
