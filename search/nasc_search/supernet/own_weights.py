"""OwnWeights: sub-networks that were trained alone keep their weights on disk, one safetensors file each.

Kept as they were trained, batch norm not folded: encoders and codes at a cut need it calibrated anew.
"""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Final

import torch

from nasc_sdk.candidate import Candidate
from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import InputError
from nasc_search.accuracy.keys import accuracy_key, parse_accuracy_key
from nasc_search.encodings.blocks import narrowed
from nasc_search.supernet.model import Supernet

_FORMAT: Final = "nasc-own-weights-2"
"""Files of version 1 held folded weights; their names differ, so they are not found."""


class OwnWeights:
    """A folder of files, named by supernet and architecture (or encoded cut): another supernet's are never taken.

    What is not in ``directory`` is looked for in ``shipped``, which is not written to.
    """

    def __init__(self, directory: Path, supernet: str, shipped: Path | None = None) -> None:
        self._directory = make_directory(directory)
        self._supernet, self._shipped = supernet, shipped

    def put(self, arch: str, trained: Supernet) -> None:
        """Keep the weights that ``arch`` uses, and all encoders; whole or not at all; raises StorageError."""
        used = {op.param for _, op in trained.space.network(arch).ops() if op.param} | trained.coders
        self._put(arch, trained, used)

    def put_cut(self, candidate: Candidate, trained: Supernet) -> None:
        """Keep what follows the head of one encoded candidate, its encoder included; for nothing but this encoding."""
        channels, network = candidate.encoding.bottleneck, trained.space.network(candidate.arch)
        after = narrowed(network, candidate.cut, channels).tail(candidate.cut)
        self._put(accuracy_key(candidate), trained, {op.param for _, op in after.ops() if op.param})

    def _put(self, key: str, trained: Supernet, used: set[str]) -> None:
        from safetensors.torch import save

        arrays = {name: value.contiguous() for name, value in trained.state_of(used).items()}
        write_durably(self._path(self._directory, key), save(arrays, {"key": key, "supernet": self._supernet}))

    def get(self, key: str, shared: Supernet) -> Supernet | None:
        """A copy of ``shared`` with own weights of an architecture, or an encoded cut by its accuracy's key.

        None where there are none; InputError for a file that is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self._find(key)
        if path is None:
            return None
        try:
            state: dict[str, torch.Tensor] = load_file(path)
            own = copy.deepcopy(shared)
            if own.load_state_dict(state, strict=False).unexpected_keys:
                raise KeyError("weights of another supernet")
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise InputError(f"{path} holds no weights: {error}; delete it to use the supernet's") from error
        return own

    def _find(self, key: str) -> Path | None:
        folders = [self._directory, *([self._shipped] if self._shipped else [])]
        return next((path for folder in folders if (path := self._path(folder, key)).exists()), None)

    def _path(self, folder: Path, key: str) -> Path:
        arch, cut, _ = parse_accuracy_key(key)
        if cut is not None:
            # What follows a head is of no use to another one: trained anew, an architecture leaves its cuts behind.
            head = self._find(arch)
            key += f" {hashlib.sha256(head.read_bytes()).hexdigest()}" if head else ""
        digest = hashlib.sha256(f"{_FORMAT} {self._supernet} {key}".encode()).hexdigest()[:32]
        return folder / f"{digest}.safetensors"
