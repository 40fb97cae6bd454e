"""The local inference port: a thread a client, few clients, and garbage costs nobody but its sender."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from typing import Final

import numpy as np

from nasc_sdk.agent.quantize import Image
from nasc_sdk.agent.streams import receive_exactly
from nasc_sdk.errors import InputError, ListenError, NascError, RefusedError, RemoteProtocolError, UnreachableError
from nasc_sdk.protocol.local import REQUEST_HEADER_BYTES, Answer, Refusal, decode_request_header, encode_reply

MAX_CLIENTS: Final = 16
STALL_S: Final = 10.0
"""A request that is not complete, or a reply that is not read, after this long ends the connection."""

_log = logging.getLogger(__name__)


class LocalPort:
    """Listens from the start; answers with ``infer`` until :meth:`close`."""

    def __init__(
        self,
        listen: tuple[str, int],
        infer: Callable[[Image], Answer],
        *,
        max_clients: int = MAX_CLIENTS,
        stall_s: float = STALL_S,
    ) -> None:
        """Raises ListenError when the address cannot be used."""
        self._infer, self._max_clients, self._stall_s = infer, max_clients, stall_s
        try:
            self._listener = socket.create_server(listen)
        except OSError as error:
            raise ListenError(f"{listen[0]}:{listen[1]}", error) from error
        self.address = f"{listen[0]}:{self._listener.getsockname()[1]}"
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._acceptor = threading.Thread(target=self._accept, name="local-port", daemon=True)
        self._acceptor.start()

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop listening, end all connections and their threads."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(timeout_s)
        self._listener.close()
        with self._lock:
            clients = dict(self._clients)
        for connection in clients:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in clients.values():
            thread.join(timeout_s)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                # Out of file handles, or the client left already: neither may end the port.
                if not self._closed.wait(0.1):
                    _log.warning("local port: %s", error)
                continue
            with self._lock:
                full = len(self._clients) >= self._max_clients
                if not full:
                    thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                    self._clients[connection] = thread
                    thread.start()
            if full:
                self._turn_away(connection)

    def _turn_away(self, connection: socket.socket) -> None:
        refusal = Refusal("busy", f"{self._max_clients} clients are connected already")
        with connection, contextlib.suppress(OSError):
            connection.settimeout(1.0)
            connection.sendall(encode_reply(refusal))

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while not self._closed.is_set():
                    self._answer(connection)
        except RemoteProtocolError as error:
            _log.warning("%s", error)
        except OSError as error:
            _log.debug("a client left or stalled: %s", error)
        finally:
            with self._lock:
                self._clients.pop(connection, None)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(None)
        first = receive_exactly(connection, 1)
        connection.settimeout(self._stall_s)
        try:
            shape = decode_request_header(first + receive_exactly(connection, REQUEST_HEADER_BYTES - 1))
        except RemoteProtocolError as error:
            connection.sendall(encode_reply(Refusal("bad_request", str(error))))
            raise
        image = np.frombuffer(receive_exactly(connection, int(np.prod(shape))), np.uint8).reshape(shape)
        connection.sendall(encode_reply(self._reply(image)))

    def _reply(self, image: Image) -> Answer | Refusal:
        try:
            return self._infer(image)
        except RefusedError as error:
            return Refusal(error.code, error.reason)
        except UnreachableError as error:
            return Refusal("unreachable", str(error))
        except InputError as error:
            return Refusal("bad_image", str(error))
        except NascError as error:
            return Refusal("failed", str(error))
        except Exception as error:
            # Whatever a model does to the runtime must not cost the client its connection.
            _log.exception("inference failed")
            return Refusal("failed", f"{type(error).__name__}: {error}")
