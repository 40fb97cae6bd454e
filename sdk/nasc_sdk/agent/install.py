"""Installs heads: every rule of trust, then the disk, then memory; whatever fails leaves the old heads as they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nasc_sdk.agent import faults, trust
from nasc_sdk.agent.slots import HeadStore
from nasc_sdk.bundle import Bundle, sha256
from nasc_sdk.errors import InputError, NascError, RefusedError, StorageError
from nasc_sdk.protocol.messages import Artifact, Capabilities
from nasc_sdk.runtime.base import Kernels, Runtime, Session
from nasc_sdk.runtime.check import check_models

WARM_UP_RUNS: Final = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedHead:
    """A verified head, ready to run."""

    bundle: Bundle
    session: Session | None
    """None at cut 0: the head is only quantization."""


class Installer:
    """What a board holds, on disk and in memory. One thread at a time; sessions it gave away are never run here."""

    def __init__(
        self, store: HeadStore, runtime: Runtime, kernels: Kernels, threads: int, capabilities: Capabilities
    ) -> None:
        self._store, self._runtime, self._kernels, self._threads = store, runtime, kernels, threads
        self._capabilities = capabilities
        self._version = trust.NOTHING
        self._heads: dict[str, LoadedHead] = {}
        self._digests: tuple[str, ...] = ()

    @property
    def version(self) -> int:
        """Installed version, ``trust.NOTHING`` when there is none."""
        return self._version

    @property
    def heads(self) -> tuple[LoadedHead, ...]:
        """Installed heads; the first one runs."""
        return tuple(self._heads[digest] for digest in self._digests)

    @property
    def contracts(self) -> tuple[str, ...]:
        """Contracts of the installed heads, in their order."""
        return tuple(head.bundle.manifest.contract.id for head in self.heads)

    def restore(self) -> tuple[LoadedHead, ...]:
        """At the start: the newest state that still passes every rule, else the one before, else nothing."""
        for record in self._store.records():
            try:
                blobs = {digest: self._store.read(digest) for digest in record.digests}
                self._enter(record.version, record.digests, self._verified(blobs))
            except NascError as error:
                _log.warning("version %d is not used: %s", record.version, error)
            else:
                return self.heads
        return ()

    def is_installed(self, version: int, artifacts: Sequence[Artifact]) -> bool:
        """Whether exactly this is installed; raises RefusedError when it may not be (see :mod:`.trust`)."""
        digests = [artifact.sha256 for artifact in artifacts]
        if trust.is_same(self._version, self._digests, version, digests):
            return True
        trust.check_announced(artifacts, self._capabilities)
        return False

    def held(self, digest: str) -> bytes | None:
        """Bytes of an installed bundle, which then need not be pulled again."""
        if digest not in self._heads:
            return None
        try:
            return self._store.read(digest)
        except NascError as error:
            _log.warning("pulled again: %s", error)
            return None

    def install(self, version: int, blobs: Sequence[bytes]) -> tuple[LoadedHead, ...]:
        """Verify, try, keep and commit heads; the same version again changes nothing.

        Raises RefusedError with a code of :mod:`.trust`, or StorageError; then the old state is untouched.
        """
        artifacts = [Artifact(sha256(blob), len(blob)) for blob in blobs]
        if self.is_installed(version, artifacts):
            return self.heads
        digests = tuple(artifact.sha256 for artifact in artifacts)
        heads = self._verified(dict(zip(digests, blobs, strict=True)))
        faults.reach(faults.VERIFIED)
        try:
            for blob in blobs:
                self._store.keep(blob)
            self._store.commit(version, digests)
        except StorageError:
            self._store.collect()
            raise
        self._enter(version, digests, heads)
        return self.heads

    def _enter(self, version: int, digests: tuple[str, ...], heads: dict[str, LoadedHead]) -> None:
        self._version, self._digests, self._heads = version, digests, heads

    def _verified(self, blobs: dict[str, bytes]) -> dict[str, LoadedHead]:
        """Heads by digest. Those that are loaded stay as they are: their sessions may be in use."""
        for digest, data in blobs.items():
            trust.check_digest(data, digest)
        bundles = {
            digest: trust.open_head(data, self._capabilities)
            for digest, data in blobs.items()
            if digest not in self._heads
        }
        together = [(bundles.get(digest) or self._heads[digest].bundle).manifest for digest in blobs]
        trust.check_together(together, self._capabilities)
        models = [(f"head {digest[:12]}", bundle.model) for digest, bundle in bundles.items() if bundle.model]
        if models:
            try:
                check_models(models, runtime=self._runtime, kernels=self._kernels)
            except InputError as error:
                raise RefusedError("not_a_model", str(error)) from error
        fresh = {digest: self._load(digest, bundle) for digest, bundle in bundles.items()}
        return {digest: self._heads[digest] if digest in self._heads else fresh[digest] for digest in blobs}

    def _load(self, digest: str, bundle: Bundle) -> LoadedHead:
        if bundle.manifest.all_edge:
            return LoadedHead(bundle, None)
        try:
            session = self._runtime.load(
                bundle.model, kernels=self._kernels, threads=self._threads, name=f"head {digest[:12]}"
            )
        except InputError as error:
            raise RefusedError("not_a_model", str(error)) from error
        trust.check_tensors(bundle.manifest, session)
        sample = trust.golden_input(bundle, session)
        trust.check_golden(bundle, session.run(sample))
        for _ in range(WARM_UP_RUNS):
            session.invoke()
        return LoadedHead(bundle, session)
