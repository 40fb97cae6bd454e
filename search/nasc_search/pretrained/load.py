"""A folder with ``supernet.safetensors``, ``accuracy.npz`` and ``catalogue.npz`` to what the search service needs."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np

from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InputError
from nasc_search.joint.catalogue import Catalogue, load_catalogue, open_catalogue, space_digest
from nasc_search.layered.pool import pool_archs, pool_catalogue
from nasc_search.pretrained.shares import SHARES, KeptShares, load_shares
from nasc_search.spaces.space import EnumerableSpace, LayeredSpace, listed
from nasc_search.supernet.checkpoint import Progress, load
from nasc_search.supernet.model import Supernet

SUPERNET: Final = "supernet.safetensors"
ACCURACY: Final = "accuracy.npz"
CATALOGUE: Final = "catalogue.npz"
OWN: Final = "own"
CODED: Final = "coded.npz"
_DEMO: Final = "fashion_mnist"


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A supernet with what was evaluated of it."""

    supernet: Supernet
    progress: Progress
    evaluated: dict[str, float]
    """Architecture to accuracy on the validation images, 0..1."""
    catalogue: Catalogue
    weights: str
    """Digest of the checkpoint's file."""
    own_folder: Path | None
    """Weights of sub-networks that were trained alone (:class:`nasc_search.supernet.own_weights.OwnWeights`)."""
    own_accuracy: dict[str, float]
    """Of these, by :func:`nasc_search.accuracy.keys.accuracy_key`; the predictor does not learn from them."""
    coded: dict[str, float]
    """Accuracy of encoded sub-networks with the shared weights, by the same key."""
    shares: KeptShares | None
    """What entropy coding leaves of its cuts; None where nobody measured it yet."""


def open_pretrained(
    folder: Path | None, cache: Path, progress: Callable[[int, int], None] | None = None
) -> Pretrained:
    """Load from ``folder`` (default: the shipped demo); a missing catalogue is built and kept in ``cache``.

    Of a layered space the catalogue is a pool, made anew each time.

    Raises InputError when files are missing, truncated or of another space.
    """
    if folder is None:
        with as_file(files("nasc_search.pretrained").joinpath(_DEMO)) as shipped:
            return _open(shipped, cache, progress)
    return _open(folder, cache, progress)


def save_accuracies(path: Path, evaluated: dict[str, float], task: str = "") -> None:
    """Write real evaluations beside a checkpoint, and what they are of; StorageError when the disk refuses."""
    archs = np.asarray(sorted(evaluated))
    about = {"task": np.asarray(task)} if task else {}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, archs=archs, accuracy=np.asarray([evaluated[str(arch)] for arch in archs]), **about)
    write_durably(path, buffer.getvalue())


def load_accuracies(path: Path) -> dict[str, float]:
    """What :func:`save_accuracies` wrote; InputError when it is something else."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as data:
            return dict(zip(data["archs"].tolist(), data["accuracy"].tolist(), strict=True))
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; make it with: nasc-sdk train --evaluate 400 --resume") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} holds no accuracies: {error}") from error


def _open(folder: Path, cache: Path, progress: Callable[[int, int], None] | None) -> Pretrained:
    checkpoint = load(folder / SUPERNET)
    space, evaluated = checkpoint.supernet.space, load_accuracies(folder / ACCURACY)
    if isinstance(space, LayeredSpace):
        catalogue = pool_catalogue(space, pool_archs(space, evaluated))
    else:
        catalogue = _listed(listed(space), folder / CATALOGUE, cache / CATALOGUE, progress)
    digest = hashlib.sha256((folder / SUPERNET).read_bytes()).hexdigest()[:16]
    own = folder / OWN
    return Pretrained(
        checkpoint.supernet,
        checkpoint.progress,
        evaluated,
        catalogue,
        digest,
        own if own.is_dir() else None,
        _accuracies(own / ACCURACY) | _accuracies(own / CODED),
        _accuracies(folder / CODED),
        load_shares(folder / SHARES, digest),
    )


def _listed(
    space: EnumerableSpace, shipped: Path, cached: Path, progress: Callable[[int, int], None] | None
) -> Catalogue:
    catalogue = load_catalogue(shipped) if shipped.exists() else None
    if catalogue is None or catalogue.digest != space_digest(space):
        return open_catalogue(space, cached, progress)
    return catalogue


def _accuracies(path: Path) -> dict[str, float]:
    """None where nothing was trained, or nothing was better than before."""
    return load_accuracies(path) if path.exists() else {}
