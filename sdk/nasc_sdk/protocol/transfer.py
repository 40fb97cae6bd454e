"""Both ends of an artifact's transfer, without I/O and without a clock of their own.

Theory of operation
-------------------
The receiver pulls: it asks for runs of chunks (ArtifactRequest) and stores what comes, in any order.

Rule 1: at most ``window`` chunks are asked for and not yet here, so that a slow receiver is not flooded.
Rule 2: when no new chunk came for a while, all that is missing is asked for again, since a broker may have
dropped any of it although it was acknowledged; the while doubles from ``retry_s`` up to ``_MAX_RETRY_S``.
Rule 3: when no new chunk came for ``give_up_s``, the transfer fails; what is held stays for a next try.
Rule 4: a wrong or repeated chunk changes nothing and is counted. The SHA-256 over everything has the last word.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

from nasc_sdk.errors import ArtifactError, InputError, RemoteProtocolError, UnreachableError
from nasc_sdk.protocol.chunks import (
    CHUNK_BYTES,
    MAX_ARTIFACT_BYTES,
    Chunk,
    chunk_count,
    chunk_length,
    decode,
    encode,
)
from nasc_sdk.protocol.messages import Artifact, ArtifactRequest

WINDOW: Final = 16
_MAX_RETRY_S: Final = 8.0
_MAX_RUN: Final = 64
"""Most chunks one ArtifactRequest may ask for (messages.py)."""


class Download:
    """The receiving end: says what to ask for next and which chunks are new. Storing them is the caller's."""

    def __init__(
        self, artifact: Artifact, now_s: float,
        *, held: Iterable[int] = (), window: int = WINDOW, retry_s: float = 1.0, give_up_s: float = 30.0,
    ) -> None:  # fmt: skip
        self.artifact = artifact
        self.total = chunk_count(artifact.size)
        self.rejected = 0
        """Payloads that were no chunk of this artifact."""
        self.repeated = 0
        self._missing = set(range(self.total)) - set(held)
        self._asked: set[int] = set()
        self._window, self._first_retry_s, self._give_up_s = window, retry_s, give_up_s
        self._retry_s = retry_s
        self._progress_s = self._asked_s = now_s

    @property
    def complete(self) -> bool:
        """Every chunk is held; :meth:`check` says whether they are the artifact."""
        return not self._missing

    @property
    def held(self) -> int:
        """Number of chunks held."""
        return self.total - len(self._missing)

    def next_request(self, now_s: float) -> ArtifactRequest | None:
        """What to send now, None when it is time to wait; call until None.

        Raises UnreachableError when nothing came for too long.
        """
        if self.complete:
            return None
        if now_s - self._progress_s >= self._give_up_s:
            raise UnreachableError(
                f"artifact {self.artifact.sha256[:12]}",
                f"no new chunk for {self._give_up_s:.0f} s; {self.held} of {self.total} are held for a next try",
            )
        if self._asked and now_s - max(self._progress_s, self._asked_s) >= self._retry_s:
            self.ask_again()
            self._retry_s = min(2 * self._retry_s, _MAX_RETRY_S)
        room = min(self._window - len(self._asked), _MAX_RUN)
        # Asking for single chunks as they arrive would double the messages: wait for half a window.
        if room <= 0 or (self._asked and room < self._window // 2):
            return None
        run = self._next_run(room)
        if not run:
            return None
        self._asked.update(run)
        self._asked_s = now_s
        return ArtifactRequest(sha256=self.artifact.sha256, first=run.start, count=len(run))

    def ask_again(self) -> None:
        """Forget what was asked for, e.g. since the connection was lost: all that is missing is asked for anew."""
        self._asked.clear()

    def wait_s(self, now_s: float) -> float:
        """Seconds until :meth:`next_request` may have something to say without a chunk arriving."""
        retry = max(self._progress_s, self._asked_s) + self._retry_s
        return max(0.0, min(retry, self._progress_s + self._give_up_s) - now_s)

    def receive(self, payload: bytes, now_s: float) -> Chunk | None:
        """The chunk when it is new and of this artifact, else None; never raises."""
        try:
            chunk = decode(payload, "artifact chunk")
        except RemoteProtocolError:
            self.rejected += 1
            return None
        if (chunk.sha256, chunk.size) != (self.artifact.sha256, self.artifact.size):
            self.rejected += 1
            return None
        if chunk.index not in self._missing:
            self.repeated += 1
            return None
        self._missing.remove(chunk.index)
        self._asked.discard(chunk.index)
        self._progress_s, self._retry_s = now_s, self._first_retry_s
        return chunk

    def check(self, data: Iterable[bytes]) -> None:
        """Raise ArtifactError unless ``data`` in order is the artifact."""
        assert self.complete
        digest, size = hashlib.sha256(), 0
        for piece in data:
            digest.update(piece)
            size += len(piece)
        if size != self.artifact.size:
            raise ArtifactError(self.artifact.sha256, f"{size} bytes came, {self.artifact.size} were announced")
        if digest.hexdigest() != self.artifact.sha256:
            raise ArtifactError(self.artifact.sha256, f"what came has the digest {digest.hexdigest()[:12]}")

    def _next_run(self, most: int) -> range:
        """The first run of missing chunks that nobody was asked for."""
        first = min(self._missing - self._asked, default=None)
        if first is None:
            return range(0)
        end = first
        while end - first < most and end in self._missing and end not in self._asked:
            end += 1
        return range(first, end)


class Upload:
    """The sending end: registered artifacts by digest.

    Pinned ones stay until they are dropped, and whoever pins answers for how many they are. Of the others at most
    ``max_bytes`` are held; the least recently used ones make room for new ones.
    """

    def __init__(self, max_bytes: int = MAX_ARTIFACT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._pinned: dict[str, bytes] = {}

    @property
    def size(self) -> int:
        """Bytes held that are not pinned."""
        return sum(map(len, self._held.values()))

    def holds(self, sha256: str) -> bool:
        """Whether requests for this digest are answered."""
        return sha256 in self._held or sha256 in self._pinned

    def put(self, data: bytes, *, pinned: bool = False) -> Artifact:
        """Register an artifact; raises InputError when it is empty or too large, or, where it is not pinned, larger
        than all the room there is. What is pinned stays so.
        """  # fmt: skip
        if not 1 <= len(data) <= MAX_ARTIFACT_BYTES:
            raise InputError(f"an artifact has 1 to {MAX_ARTIFACT_BYTES} bytes, this one has {len(data)}")
        sha256 = hashlib.sha256(data).hexdigest()
        if pinned:
            self._pinned[sha256] = self._held.pop(sha256, data)
        elif sha256 not in self._pinned:
            if sha256 not in self._held:
                self._make_room(len(data))
                self._held[sha256] = data
            self._held.move_to_end(sha256)
        return Artifact(sha256, len(data))

    def drop(self, sha256: str) -> None:
        """Forget an artifact; harmless when it is not held."""
        self._held.pop(sha256, None)
        self._pinned.pop(sha256, None)

    def answer(self, request: ArtifactRequest) -> Iterator[tuple[int, bytes]]:
        """(index, encoded chunk) of the chunks asked for that exist; nothing when the artifact is not held."""
        data = self._pinned.get(request.sha256) or self._held.get(request.sha256)
        if data is None:
            return
        if request.sha256 in self._held:
            self._held.move_to_end(request.sha256)
        size, total = len(data), chunk_count(len(data))
        for index in range(request.first, min(request.first + request.count, total)):
            start = index * CHUNK_BYTES
            piece = data[start : start + chunk_length(size, index)]
            yield index, encode(Chunk(request.sha256, index, total, size, piece))

    def _make_room(self, wanted: int) -> None:
        if wanted > self._max_bytes:
            raise InputError(f"no room for an artifact of {wanted} bytes in {self._max_bytes}")
        while self.size + wanted > self._max_bytes:
            self._held.popitem(last=False)
