"""Tails: from the bytes of a cut tensor to logits, and the store that holds them by contract."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.bundle import Bundle, Side, sha256
from nasc_sdk.codec import CutCodec, unsupported
from nasc_sdk.contract import Contract
from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import InputError, NascError, RefusedError, RemoteProtocolError
from nasc_sdk.runtime.base import Kernels, Runtime
from nasc_sdk.runtime.check import check_model

Logits = NDArray[np.float32]

_log = logging.getLogger(__name__)


class Tail(Protocol):
    """The blocks after a cut. ``worker`` says which server thread calls: one call a worker at a time."""

    def run(self, cut: NDArray[np.float32], worker: int) -> Logits:
        """(n, H, W, C) real values of the cut tensor to (n, classes) logits."""


LoadTail = Callable[[Bundle], Tail]


class LitertTail:
    """A float32 ``.tflite`` of batch 1, one interpreter a worker; InputError when the model does not fit."""

    def __init__(self, model: bytes, contract: Contract, runtime: Runtime, *, workers: int = 1) -> None:
        self._sessions = [
            runtime.load(model, kernels=Kernels.XNNPACK, threads=1, name="tail") for _ in range(workers)
        ]
        info = self._sessions[0].inputs[0]
        shape = contract.shape
        if info.dtype != "float32" or info.shape != (1, shape.height, shape.width, shape.channels):
            raise InputError(f"tail takes {info}, the contract's cut is {shape} float32")

    def run(self, cut: NDArray[np.float32], worker: int) -> Logits:
        """One invocation a sample: the models are written for batch 1."""
        session = self._sessions[worker]
        # Not np.stack: between requests caches go cold, and it costs 25-45 us, a fifth of a small tail's time.
        logits = np.empty((len(cut), session.outputs[0].elements), np.float32)
        for index in range(len(cut)):
            logits[index] = session.run(cut[index : index + 1]).reshape(-1)
        return logits


def load_litert(runtime: Runtime, *, workers: int = 1, check: bool = True) -> LoadTail:
    """How bundles become tails; ``check`` tries the model in a child process first."""

    def load(bundle: Bundle) -> Tail:
        if check:
            check_model(bundle.model, name="tail", runtime=runtime)
        return LitertTail(bundle.model, bundle.manifest.contract, runtime, workers=workers)

    return load


@dataclass(frozen=True, slots=True)
class Installed:
    """A tail ready to serve."""

    contract: Contract
    codec: CutCodec
    tail: Tail
    bundle_sha256: str


class TailStore:
    """Verified tails by contract, kept in ``directory`` as the bundles they came in.

    Reading is free of locks: the table is replaced, never changed.
    """

    def __init__(self, directory: Path, load: LoadTail) -> None:
        self._directory = make_directory(directory)
        self._load = load
        self._table: dict[str, Installed] = {}
        self._writing = threading.Lock()

    @property
    def contracts(self) -> tuple[str, ...]:
        """Ids of the contracts held."""
        return tuple(self._table)

    def get(self, contract_id: str) -> Installed | None:
        """The tail of a contract, if it is held."""
        return self._table.get(contract_id)

    def contract_of(self, bundle_sha256: str) -> str | None:
        """Contract of an installed bundle, None when it is not installed."""
        for contract_id, installed in self._table.items():
            if installed.bundle_sha256 == bundle_sha256:
                return contract_id
        return None

    def restore(self, load: LoadTail | None = None) -> tuple[str, ...]:
        """Serve again what the disk holds; what does not pass is set aside and logged. Returns contracts."""
        for path in sorted(self._directory.glob("*.bundle")):
            data = path.read_bytes()
            try:
                if sha256(data) != path.stem:
                    raise RefusedError("digest_mismatch", f"{path.name} is not what was installed")
                self._enter(*self._verified(data, load or self._load))
            except NascError as error:
                _log.warning("tail %s is not served: %s", path.name, error)
                path.rename(path.with_suffix(".refused"))
        return self.contracts

    def install(self, data: bytes) -> str:
        """Check a bundle, keep it on disk and serve it; returns its contract.

        Raises RemoteProtocolError (no bundle), RefusedError (``wrong_side``, ``unsupported_encoding``,
        ``bad_model``, ``golden_mismatch``) or StorageError; then nothing has changed.
        """
        with self._writing:
            contract_id, installed = self._verified(data, self._load)
            write_durably(self._directory / f"{installed.bundle_sha256}.bundle", data)
            self._enter(contract_id, installed)
            return contract_id

    def drop(self, contract_id: str) -> None:
        """Hold a contract no longer; nothing happens when it is not held."""
        with self._writing:
            installed = self._table.get(contract_id)
            if installed is None:
                return
            self._table = {key: value for key, value in self._table.items() if key != contract_id}
            (self._directory / f"{installed.bundle_sha256}.bundle").unlink(missing_ok=True)

    def _enter(self, contract_id: str, installed: Installed) -> None:
        before = self._table.get(contract_id)
        self._table = {**self._table, contract_id: installed}
        if before is not None and before.bundle_sha256 != installed.bundle_sha256:
            (self._directory / f"{before.bundle_sha256}.bundle").unlink(missing_ok=True)

    def _verified(self, data: bytes, load: LoadTail) -> tuple[str, Installed]:
        bundle = Bundle.unpack(data)
        contract = bundle.manifest.contract
        if bundle.manifest.side is not Side.TAIL:
            raise RefusedError("wrong_side", f"this is a {bundle.manifest.side.value}, the server runs tails")
        if reason := unsupported(contract):
            raise RefusedError("unsupported_encoding", f"this server does not decode {reason}")
        try:
            tail = load(bundle)
        except InputError as error:
            raise RefusedError("bad_model", str(error)) from error
        check_golden(bundle, tail)
        return contract.id, Installed(contract, CutCodec(contract), tail, sha256(data))


def check_golden(bundle: Bundle, tail: Tail) -> float:
    """Run the golden input; returns the largest difference, RefusedError when it is over the tolerance."""
    manifest = bundle.manifest
    try:
        cut = CutCodec(manifest.contract).decode(bundle.golden_input, 1)
    except RemoteProtocolError as error:
        raise RefusedError("golden_mismatch", f"the golden input is no tensor of the contract: {error}") from error
    if len(bundle.golden_output) != 4 * manifest.classes:
        raise RefusedError("golden_mismatch", f"the golden output is not {manifest.classes} logits")
    expected = np.frombuffer(bundle.golden_output, "<f4")
    logits = tail.run(cut, 0)[0]
    if logits.shape != expected.shape:
        raise RefusedError("golden_mismatch", f"the tail gives {logits.size} logits, not {manifest.classes}")
    difference = float(np.abs(logits - expected).max())
    # Written so that a NaN is refused, too.
    if not difference <= manifest.golden_tolerance:
        reason = f"golden output is off by {difference:.3g}, allowed are {manifest.golden_tolerance:.3g}"
        raise RefusedError("golden_mismatch", reason)
    return difference


@dataclass(frozen=True, slots=True)
class Answer:
    """Logits as they go on the wire, and what they took."""

    logits: bytes
    decode_us: int
    tail_us: int


def answer(installed: Installed, payload: bytes, count: int, worker: int) -> Answer:
    """Decode and run one request; RemoteProtocolError when the payload is not ``count`` samples."""
    started = time.perf_counter_ns()
    cut = installed.codec.decode(payload, count)
    decoded = time.perf_counter_ns()
    logits = installed.tail.run(cut, worker).astype("<f4", copy=False).tobytes()
    finished = time.perf_counter_ns()
    return Answer(logits, (decoded - started) // 1000, (finished - decoded) // 1000)
