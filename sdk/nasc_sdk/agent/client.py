"""Asks an agent's local inference port, from any process on the board."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.agent.latency import PARTS, median_and_p95
from nasc_sdk.agent.quantize import Image
from nasc_sdk.agent.streams import receive_exactly
from nasc_sdk.errors import InputError, RefusedError, UnreachableError
from nasc_sdk.link.shape import parse_address
from nasc_sdk.protocol.local import (
    REPLY_HEADER_BYTES,
    Answer,
    Refusal,
    decode_reply_body,
    decode_reply_header,
    encode_request,
)

TIMEOUT_S: Final = 30.0
Progress = Callable[[int, int, str], None]
Labels = NDArray[Any]
"""Whole numbers, one an image."""


class AgentClient:
    """One connection to an agent at ``host:port``, opened at once; a context manager. One thread at a time."""

    def __init__(self, address: str, timeout_s: float = TIMEOUT_S) -> None:
        """Raises UnreachableError, InputError when the address is none."""
        self._peer = f"agent at {address}"
        try:
            self._socket = socket.create_connection(parse_address(address), timeout_s)
        except OSError as error:
            raise UnreachableError(self._peer, error.strerror or str(error)) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def infer(self, image: Image) -> Answer:
        """Answer one uint8 image, height x width x channels.

        Raises RefusedError with the agent's code (``unreachable``: no edge server and no fallback), and
        UnreachableError or RemoteProtocolError, after which the connection is of no use.
        """
        try:
            request = encode_request(image)
        except ValueError as error:
            raise InputError(str(error)) from error
        try:
            self._socket.sendall(request)
            kind, length = decode_reply_header(receive_exactly(self._socket, REPLY_HEADER_BYTES))
            reply = decode_reply_body(kind, receive_exactly(self._socket, length))
        except OSError as error:
            raise UnreachableError(self._peer, error.strerror or str(error)) from error
        if isinstance(reply, Refusal):
            raise RefusedError(reply.code, reply.reason)
        return reply

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> AgentClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class InferReport:
    """What became of a batch of images; latencies are measured on the board: (p50, p95) in milliseconds."""

    requests: int
    answered: int
    head_ms: tuple[float, float]
    uplink_ms: tuple[float, float]
    tail_ms: tuple[float, float]
    total_ms: tuple[float, float]
    accuracy: float | None
    """Share of right labels among the answered images; None without labels."""
    served_by: dict[str, int]
    contracts: dict[str, int]
    failures: dict[str, int]
    """Refusals by code."""


def infer_with_agent(
    address: str,
    images: Image,
    labels: Labels | None = None,
    on_progress: Progress | None = None,
    *,
    on_answer: Callable[[int, Answer], None] | None = None,
) -> InferReport:
    """Ask for one image after another, uint8, N x height x width (x channels), and sum up.

    ``on_answer`` gets every index and answer. A refusal is counted; raises UnreachableError when the agent is
    lost, InputError when the arrays do not fit.
    """
    batch = _checked(images, labels)
    answers: list[Answer] = []
    failures: Counter[str] = Counter()
    right = 0
    with AgentClient(address) as client:
        for index, image in enumerate(batch):
            try:
                answer = client.infer(image)
            except RefusedError as error:
                failures[error.code] += 1
                if error.code == "bad_image":
                    raise InputError(error.reason) from error
            else:
                answers.append(answer)
                right += labels is not None and answer.label == int(labels[index])
                if on_answer is not None:
                    on_answer(index, answer)
            if on_progress is not None:
                on_progress(index + 1, len(batch), "")
    head_ms, uplink_ms, tail_ms, total_ms = (median_and_p95(answers, part) for part in PARTS)
    return InferReport(
        requests=len(batch),
        answered=len(answers),
        head_ms=head_ms,
        uplink_ms=uplink_ms,
        tail_ms=tail_ms,
        total_ms=total_ms,
        accuracy=right / len(answers) if labels is not None and answers else None,
        served_by=dict(Counter(answer.served_by.value for answer in answers)),
        contracts=dict(Counter(answer.contract for answer in answers)),
        failures=dict(failures),
    )


def _checked(images: Image, labels: Labels | None) -> Image:
    """Images as N x height x width x channels."""
    batch = images[..., None] if images.ndim == 3 else images
    shape = "x".join(map(str, images.shape))
    if batch.dtype != np.uint8 or batch.ndim != 4:
        raise InputError(f"images must be uint8, N x height x width (x channels), not {images.dtype} {shape}")
    if len(batch) == 0:
        raise InputError(f"there are no images in an array of {shape}")
    if labels is None:
        return batch
    if labels.shape != batch.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"{len(batch)} images need as many whole labels, not {labels.dtype} {labels.shape}")
    if labels.min() < 0:
        raise InputError(f"labels count from 0; there is a {labels.min()}")
    return batch
