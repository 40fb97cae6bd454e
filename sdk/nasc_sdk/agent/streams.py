"""Exactly so many bytes from a socket."""

from __future__ import annotations

import socket


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """``size`` bytes; ConnectionResetError when the peer closes before, TimeoutError as the socket is set."""
    data = bytearray(size)
    view, received = memoryview(data), 0
    while received < size:
        count = connection.recv_into(view[received:])
        if not count:
            raise ConnectionResetError("the peer closed the connection")
        received += count
    return bytes(data)
