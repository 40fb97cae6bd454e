"""Installs heads: every rule of trust, the bundles, the switch, and last the record that makes them count.

Whatever fails leaves the old heads in use and on the disk: what is said of an installation that failed holds after a
restart, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nasc_sdk.agent import faults, trust
from nasc_sdk.agent.machine import Machine
from nasc_sdk.agent.slots import HeadStore
from nasc_sdk.bundle import Bundle, sha256
from nasc_sdk.errors import InputError, NascError, RefusedError
from nasc_sdk.protocol.messages import Artifact
from nasc_sdk.runtime.base import Session

WARM_UP_RUNS: Final = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedHead:
    """A verified head, ready to run."""

    bundle: Bundle
    session: Session | None
    """None at cut 0: the head is only quantization."""


Switch = Callable[[tuple[LoadedHead, ...]], None]
"""Brings heads into use, all of them or (when it raises) none; the first one runs."""


class Installer:
    """What a board holds, on disk and in memory. One thread at a time; sessions it gave away are never run here."""

    def __init__(self, store: HeadStore, machine: Machine) -> None:
        self._store, self._machine = store, machine
        self._capabilities = machine.capabilities
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
                with self._machine.installing(()):
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

    def install(
        self, version: int, blobs: Sequence[bytes], switch: Switch = lambda heads: None
    ) -> tuple[LoadedHead, ...]:
        """Verify, try, keep, ``switch`` to and commit heads; the same version again changes nothing.

        Raises RefusedError with a code of :mod:`.trust`, StorageError, or what ``switch`` raises; then the old state
        is untouched, and ``switch`` was called with the old heads when it had been called with the new ones.
        """
        artifacts = [Artifact(sha256(blob), len(blob)) for blob in blobs]
        if self.is_installed(version, artifacts):
            return self.heads
        digests = tuple(artifact.sha256 for artifact in artifacts)
        staying = (self._heads[digest].session for digest in digests if digest in self._heads)
        with self._machine.installing([session for session in staying if session is not None]):
            heads = self._verified(dict(zip(digests, blobs, strict=True)))
            faults.reach(faults.VERIFIED)
            self._make_it_count(version, digests, blobs, tuple(heads[digest] for digest in digests), switch)
        self._enter(version, digests, heads)
        return self.heads

    def _make_it_count(
        self, version: int, digests: tuple[str, ...], blobs: Sequence[bytes], heads: tuple[LoadedHead, ...],
        switch: Switch,
    ) -> None:  # fmt: skip
        if self._capabilities.flash_bytes:
            # The state before the held one is spare; with it there would be three of them on the disk.
            self._store.forget_others(self._digests)
        try:
            for blob in blobs:
                self._store.keep(blob)
            self._commit(version, digests, heads, switch)
        except Exception:
            self._store.collect()
            raise

    def _commit(
        self, version: int, digests: tuple[str, ...], heads: tuple[LoadedHead, ...], switch: Switch
    ) -> None:
        """The switch comes first: it can be undone in memory, a record only by another write."""
        try:
            switch(heads)
            self._store.commit(version, digests)
        except Exception:
            switch(self.heads)
            raise

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
        held = {digest: head.bundle.manifest for digest, head in self._heads.items()}
        opened = {digest: bundle.manifest for digest, bundle in bundles.items()}
        trust.check_together([(held | opened)[digest] for digest in blobs], self._capabilities)
        trust.check_beside((held | opened).values(), self._capabilities)
        models = [(f"head {digest[:12]}", bundle.model) for digest, bundle in bundles.items() if bundle.model]
        if models:
            try:
                self._machine.check(models)
            except InputError as error:
                raise RefusedError("not_a_model", str(error)) from error
        fresh = {digest: self._load(digest, bundle) for digest, bundle in bundles.items()}
        return {digest: self._heads[digest] if digest in self._heads else fresh[digest] for digest in blobs}

    def _load(self, digest: str, bundle: Bundle) -> LoadedHead:
        if bundle.manifest.all_edge:
            return LoadedHead(bundle, None)
        try:
            session = self._machine.load(bundle.model, f"head {digest[:12]}")
        except InputError as error:
            raise RefusedError("not_a_model", str(error)) from error
        trust.check_tensors(bundle.manifest, session)
        sample = trust.golden_input(bundle, session)
        trust.check_golden(bundle, session.run(sample))
        for _ in range(WARM_UP_RUNS):
            session.invoke()
        return LoadedHead(bundle, session)
