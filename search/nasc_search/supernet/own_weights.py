"""OwnWeights: sub-networks that were fine-tuned keep their weights on disk, one safetensors file each."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import InputError
from nasc_search.weights import FoldedWeights, LayerWeights


class OwnWeights:
    """A folder of files, named by supernet and architecture: another supernet's are never taken."""

    def __init__(self, directory: Path, supernet: str) -> None:
        self._directory = make_directory(directory)
        self._supernet = supernet

    def put(self, arch: str, weights: FoldedWeights) -> None:
        """Keep the weights, whole or not at all; raises StorageError."""
        from safetensors.numpy import save

        arrays = {f"{param}|weight": layer.weight for param, layer in weights.items()}
        arrays |= {f"{param}|bias": layer.bias for param, layer in weights.items()}
        write_durably(self._path(arch), save(arrays, {"arch": arch, "supernet": self._supernet}))

    def get(self, arch: str) -> dict[str, LayerWeights] | None:
        """The weights, None for a sub-network without own ones; InputError for a file that is damaged."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = self._path(arch)
        if not path.exists():
            return None
        try:
            arrays = load_file(path)
            params = {name.rpartition("|")[0] for name in arrays}
            return {param: LayerWeights(arrays[f"{param}|weight"], arrays[f"{param}|bias"]) for param in params}
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(f"{path} holds no weights: {error}; delete it to use the supernet's") from error

    def _path(self, arch: str) -> Path:
        digest = hashlib.sha256(f"{self._supernet} {arch}".encode()).hexdigest()[:32]
        return self._directory / f"{digest}.safetensors"
