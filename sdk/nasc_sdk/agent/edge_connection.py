"""One blocking connection to the tensor port: a frame out, the frame that answers it in."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Final

from nasc_sdk.errors import RemoteProtocolError, UnreachableError
from nasc_sdk.protocol.frames import Error, Frame, FrameParser, encode

Address = tuple[str, int]

_CHUNK: Final = 1 << 18
_SHORTEST_S: Final = 1e-4


class EdgeConnection:
    """A connected socket; one exchange at a time. After any error it is of no use and has to be closed."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        """Connect; raises UnreachableError."""
        self.address = address
        self._peer = f"edge server at {address[0]}:{address[1]}"
        try:
            self._socket = socket.create_connection(address, timeout_s)
        except OSError as error:
            raise UnreachableError(self._peer, _reason(error)) from error
        # Without it a small frame may wait for the acknowledgement of the one before (40 ms).
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = FrameParser(self._peer)

    def exchange(self, frame: Frame, deadline_s: float) -> tuple[Frame, float]:
        """The answering frame and the milliseconds from the first byte out to the last one in.

        ``deadline_s`` is on time.monotonic. Raises UnreachableError (its cause is a TimeoutError when the deadline
        passed), RemoteProtocolError when the peer sends anything but frames.
        """
        data = encode(frame)
        started = time.perf_counter()
        try:
            self._socket.settimeout(max(deadline_s - time.monotonic(), _SHORTEST_S))
            self._socket.sendall(data)
            answer = self._receive(deadline_s)
        except OSError as error:
            raise UnreachableError(self._peer, _reason(error)) from error
        elapsed_ms = (time.perf_counter() - started) * 1e3
        if isinstance(answer, Error):
            raise RemoteProtocolError(self._peer, answer.reason)
        return answer, elapsed_ms

    def _receive(self, deadline_s: float) -> Frame:
        while (frame := self._parser.next_frame()) is None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("timed out")
            self._socket.settimeout(left_s)
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionResetError("closed the connection")
            self._parser.receive_data(data)
        return frame

    def close(self) -> None:
        """Close the socket; a thread that waits in :meth:`exchange` gets its error."""
        with contextlib.suppress(OSError):  # the peer closed first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__
