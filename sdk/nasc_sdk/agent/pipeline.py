"""Image in, answer out: head here, tail on the edge server, the all-local head when that cannot be.

The heads are replaced as a whole between two runs: a request that is under way ends with the head, and under
the contract, that it began with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.agent.edge_client import EdgeAnswer
from nasc_sdk.agent.quantize import CutEncoder, Image, InputTable
from nasc_sdk.bundle import Manifest
from nasc_sdk.errors import RefusedError, UnreachableError
from nasc_sdk.protocol.local import Answer, ServedBy

if TYPE_CHECKING:
    from nasc_sdk.agent.install import LoadedHead
    from nasc_sdk.runtime.base import Session


class Edge(Protocol):
    """What the pipeline needs of :class:`nasc_sdk.agent.edge_client.EdgeClient`."""

    def ask(self, contract: str, payload: bytes) -> EdgeAnswer:
        """Logits; raises UnreachableError, RefusedError."""


@dataclass(frozen=True, slots=True)
class _Head:
    manifest: Manifest
    contract: str
    session: Session | None
    table: InputTable
    encoder: CutEncoder

    @classmethod
    def of(cls, loaded: LoadedHead) -> _Head:
        manifest = loaded.bundle.manifest
        encoder = CutEncoder(manifest.contract, manifest.output_quantization)
        return cls(manifest, manifest.contract.id, loaded.session, InputTable(manifest), encoder)


Run = Callable[["Session", NDArray[np.int8]], tuple[NDArray[np.int8], float]]
"""A head's output, and the milliseconds that it took."""


def run_here(session: Session, given: NDArray[np.int8]) -> tuple[NDArray[np.int8], float]:
    """By this machine's clock."""
    started = time.perf_counter()
    output = session.run(given)
    return output, (time.perf_counter() - started) * 1e3


class Pipeline:
    """Thread-safe: heads run one at a time, exchanges with the server beside them.

    Total is the head's time, as ``run`` tells it, and what passes on this machine's clock after it.
    """

    def __init__(self, edge: Edge, run: Run = run_here) -> None:
        self._edge, self._run_session = edge, run
        self._heads: tuple[_Head, ...] = ()
        self._running = threading.Lock()

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """Of the held heads; the first is active."""
        return tuple(head.manifest for head in self._heads)

    def switch(self, heads: tuple[LoadedHead, ...]) -> None:
        """Use these heads from the next request on: the first is active, all-local ones are fallbacks."""
        prepared = tuple(map(_Head.of, heads))
        with self._running:
            self._heads = prepared

    def infer(self, image: Image) -> Answer:
        """Answer one uint8 image, height x width x channels.

        Raises InputError for another shape; RefusedError (``no_head``, or the server's code) and
        UnreachableError when there is no answer and no all-local head is held.
        """
        heads = self._heads
        if not heads:
            raise RefusedError("no_head", "the board holds no head yet; deploy a candidate first")
        active, fallback = heads[0], next((head for head in heads if head.manifest.all_local), None)
        if active.manifest.all_local:
            return self._local(active, image, 0.0, ServedBy.LOCAL)
        started = time.perf_counter()
        try:
            return self._split(active, image)
        except (UnreachableError, RefusedError):
            if fallback is None:
                raise
            return self._local(fallback, image, (time.perf_counter() - started) * 1e3, ServedBy.FALLBACK)

    def _split(self, head: _Head, image: Image) -> Answer:
        cut, head_ms = self._run(head, image)
        begun = time.perf_counter()
        payload = head.encoder(cut)
        head_ms += (time.perf_counter() - begun) * 1e3
        sent = time.perf_counter()
        answer = self._edge.ask(head.contract, payload)
        return Answer(
            label=int(answer.logits.argmax()),
            logits=tuple(answer.logits.tolist()),
            head_ms=head_ms,
            uplink_ms=answer.uplink_ms,
            tail_ms=answer.decode_ms + answer.tail_ms,
            total_ms=head_ms + (time.perf_counter() - sent) * 1e3,
            served_by=ServedBy.EDGE if head.manifest.all_edge else ServedBy.SPLIT,
            contract=head.contract,
        )

    def _local(self, head: _Head, image: Image, waited_ms: float, served_by: ServedBy) -> Answer:
        """``waited_ms`` for a server that did not answer."""
        stored, head_ms = self._run(head, image)
        ran = time.perf_counter()
        quantization = head.manifest.output_quantization
        logits = stored.ravel().astype(np.float32)
        if quantization is not None:
            logits = (logits - quantization.zero_point) * np.float32(quantization.scale)
        return Answer(
            label=int(logits.argmax()),
            logits=tuple(logits.tolist()),
            head_ms=head_ms,
            uplink_ms=0.0,
            tail_ms=0.0,
            total_ms=waited_ms + head_ms + (time.perf_counter() - ran) * 1e3,
            served_by=served_by,
            contract=head.contract,
        )

    def _run(self, head: _Head, image: Image) -> tuple[NDArray[np.int8], float]:
        """The head's output and the milliseconds it took; waiting for other requests is not among them."""
        with self._running:
            started = time.perf_counter()
            output = head.table.quantized(image)
            head_ms = (time.perf_counter() - started) * 1e3
            if head.session is not None:
                output, ran_ms = self._run_session(head.session, output)
                head_ms += ran_ms
            return output, head_ms
