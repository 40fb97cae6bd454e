"""A folder with one subfolder of images a class, all brought to one size and one number of channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError, MissingExtraError
from nasc_search.data.dataset import Dataset, Split
from nasc_search.data.split import held_out, statistics

SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
SIZE: Final = 32
_TEST_SHARE: Final = 0.2
_SEED: Final = 0
MAX_IMAGES: Final = 200_000


def load(folder: Path, size: int = SIZE) -> Dataset:
    """Square images of ``size``; grey when every image is grey, else RGB. InputError names what cannot be read."""
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingExtraError("pillow", "images") from error
    by_class = _files(folder)
    classes = tuple(by_class)
    files = [(path, label) for label, name in enumerate(classes) for path in by_class[name]]
    if not 10 <= len(files) <= MAX_IMAGES:
        raise InputError(f"{folder} holds {len(files)} images; 10 to {MAX_IMAGES} can be used")
    images = np.stack([_read(Image, path, size) for path, _ in files])
    if (images == images[..., :1]).all():
        images = images[..., :1]
    whole = Split(images, np.asarray([label for _, label in files], np.int64))
    order = np.random.default_rng(_SEED).permutation(len(whole))
    tested = int(_TEST_SHARE * len(whole))
    test, rest = (Split(whole.images[i], whole.labels[i]) for i in (order[:tested], order[tested:]))
    train, validation, calibration = held_out(rest)
    mean, std = statistics(train)
    return Dataset(folder.resolve().name, classes, mean, std, train, validation, calibration, test)


def _files(folder: Path) -> dict[str, list[Path]]:
    """Image files by class, both in order; hidden folders are no classes."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
        found = {
            name: sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in SUFFIXES)
            for name in names
        }
    except OSError as error:
        raise InputError(f"{folder} cannot be listed: {error.strerror}") from error
    if len(found) < 2 or not all(found.values()):
        empty = ", ".join(name for name, paths in found.items() if not paths)
        raise InputError(
            f"{folder} needs one subfolder of images a class, and at least two classes"
            + (f"; no images in {empty}" if empty else f"; there is {', '.join(found) or 'no subfolder'}")
        )
    return found


def _read(module: Any, path: Path, size: int) -> NDArray[np.uint8]:
    try:
        with module.open(path) as image:
            # Transparent parts become white; pasting needs the alpha channel kept until here.
            whole = image.convert("RGBA")
            ground = module.new("RGBA", whole.size, "white")
            flat = module.alpha_composite(ground, whole).convert("RGB").resize((size, size))
            return np.asarray(flat, np.uint8)
    # SyntaxError is what pillow raises for a broken PNG.
    except (OSError, ValueError, SyntaxError, module.DecompressionBombError) as error:
        raise InputError(f"{path} is no readable image: {error}") from error
