"""Fashion-MNIST (Zalando, MIT licence): the shipped part, or the whole set from its four idx files.

Shipped under ``fashion_mnist/`` beside this file: the 10,000 test images, 2,000 validation images and 1,024
calibration images, both out of the training set's 60,000 (``python -m nasc_search.data.fashion_mnist FOLDER`` made
them from Debian's package ``dataset-fashion-mnist``).
"""

from __future__ import annotations

import gzip
import sys
import zipfile
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_search.data.dataset import Dataset, Split

SYSTEM_FOLDER: Final = Path("/usr/share/datasets/fashion-mnist")
CLASSES: Final = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
MEAN: Final = (0.2860,)
STD: Final = (0.3530,)
HELD_OUT: Final = 5000
SHIPPED_VALIDATION: Final = 2000
CALIBRATION: Final = 1024
_SHIPPED: Final = "fashion_mnist"
_IDX_OF_BYTES: Final = 0x800


def load(folder: Path | None = None, *, need_train: bool = False) -> Dataset:
    """The data set; with ``need_train`` the whole of it from ``folder`` (default: Debian's), else the shipped part."""
    if folder is None and not need_train:
        shipped = files("nasc_search.data").joinpath(_SHIPPED)
        test, validation, calibration = (
            _npz(shipped.joinpath(f"{name}.npz").read_bytes(), name) for name in ("test", "validation", "calibration")
        )
        return Dataset("fashion-mnist", CLASSES, MEAN, STD, None, validation, calibration, test)
    folder = folder or SYSTEM_FOLDER
    whole = Split(_idx_images(folder, "train"), _idx_labels(folder, "train"))
    held = len(whole) - HELD_OUT
    if held < CALIBRATION:
        raise InputError(f"{folder} holds {len(whole)} training images; {HELD_OUT + CALIBRATION} are needed at least")
    return Dataset(
        "fashion-mnist",
        CLASSES,
        MEAN,
        STD,
        train=Split(whole.images[:held], whole.labels[:held]),
        validation=Split(whole.images[held:], whole.labels[held:]).take(SHIPPED_VALIDATION),
        calibration=whole.take(CALIBRATION),
        test=Split(_idx_images(folder, "t10k"), _idx_labels(folder, "t10k")),
    )


def _npz(data: bytes, name: str) -> Split:
    import io

    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return Split(arrays["images"], arrays["labels"].astype(np.int64))
    except (ValueError, KeyError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"shipped data {name}.npz is damaged: {error}") from error


def _idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """An idx file of bytes: a magic number, the sizes (4 bytes each, big-endian), the values."""
    try:
        data = gzip.decompress(path.read_bytes())
        magic, *shape = np.frombuffer(data, ">u4", count=1 + dimensions).tolist()
        if magic != _IDX_OF_BYTES + dimensions:
            raise ValueError(f"magic number {magic}")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} is not there; install Debian's package dataset-fashion-mnist, or name the folder with --data"
        ) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path} is no idx file: {error}") from error


def _idx_images(folder: Path, part: str) -> NDArray[np.uint8]:
    return _idx(folder / f"{part}-images-idx3-ubyte.gz", 3)[..., None]


def _idx_labels(folder: Path, part: str) -> NDArray[np.int64]:
    return _idx(folder / f"{part}-labels-idx1-ubyte.gz", 1).astype(np.int64)


def _ship(folder: Path) -> None:
    whole = load(folder)
    target = Path(__file__).parent / _SHIPPED
    target.mkdir(exist_ok=True)
    parts = {
        "test": whole.test,
        "validation": whole.validation,
        "calibration": whole.calibration,
    }
    for name, split in parts.items():
        np.savez_compressed(target / f"{name}.npz", images=split.images, labels=split.labels.astype(np.uint8))


if __name__ == "__main__":
    _ship(Path(sys.argv[1]) if len(sys.argv) > 1 else SYSTEM_FOLDER)
