"""OwnWeights: sub-networks that were trained alone keep their weights on disk, one safetensors file each.

Kept as they were trained, batch norm not folded: encoders and codes at a cut need it calibrated anew.
"""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Final

import torch

from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import InputError
from nasc_search.supernet.model import Supernet

_FORMAT: Final = "nasc-own-weights-2"
"""Files of version 1 held folded weights; their names differ, so they are not found."""


class OwnWeights:
    """A folder of files, named by supernet and architecture: another supernet's are never taken.

    What is not in ``directory`` is looked for in ``shipped``, which is not written to.
    """

    def __init__(self, directory: Path, supernet: str, shipped: Path | None = None) -> None:
        self._directory = make_directory(directory)
        self._supernet, self._shipped = supernet, shipped

    def put(self, arch: str, trained: Supernet) -> None:
        """Keep the weights that ``arch`` uses, and all encoders; whole or not at all; raises StorageError."""
        from safetensors.torch import save

        used = {op.param for _, op in trained.space.network(arch).ops() if op.param} | trained.coders
        arrays = {name: value.contiguous() for name, value in trained.state_of(used).items()}
        write_durably(self._path(self._directory, arch), save(arrays, {"arch": arch, "supernet": self._supernet}))

    def get(self, arch: str, shared: Supernet) -> Supernet | None:
        """A copy of ``shared`` with the sub-network's own weights; None for one without.

        InputError for a file that is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folders = [self._directory, *([self._shipped] if self._shipped else [])]
        path = next((path for folder in folders if (path := self._path(folder, arch)).exists()), None)
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

    def _path(self, folder: Path, arch: str) -> Path:
        digest = hashlib.sha256(f"{_FORMAT} {self._supernet} {arch}".encode()).hexdigest()[:32]
        return folder / f"{digest}.safetensors"
