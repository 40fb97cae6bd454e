"""Augmentation of image batches in numpy: named, cheap, and the same whoever holds which part of the batch.

What happens to each image of a step is drawn for the whole batch first; a process that holds a part of the batch
draws as much as one that holds all of it, and then works on its part alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_search.data.augmentations import Augmentation

SHIFT_PIXELS: Final = 2
CUTOUT_SHARE: Final = 0.5
"""Side of the square that is cut out, as a share of the image's shorter side."""
COLOUR_STRENGTH: Final = 0.3
"""Brightness, contrast and saturation are scaled by 1 minus to 1 plus this."""
_LUMA: Final = np.asarray((0.299, 0.587, 0.114), np.float32)
"""ITU-R BT.601."""


@dataclass(frozen=True, slots=True)
class Draws:
    """What happens to each image (n) of a batch; None where that augmentation is not asked for."""

    flipped: NDArray[np.bool_] | None
    shift: NDArray[np.int64] | None
    """(2, n): rows and columns into the padded image, 0..4."""
    cutout: NDArray[np.int64] | None
    """(2, n): row and column of the square's centre."""
    colour: NDArray[np.float32] | None
    """(3, n): factors of brightness, contrast and saturation."""

    def part(self, rows: slice) -> Draws:
        """Those of some images."""
        flipped, *others = (
            None if values is None else values[..., rows]
            for values in (self.flipped, self.shift, self.cutout, self.colour)
        )
        return Draws(flipped, *others)  # type: ignore[arg-type] # slices keep their types


def draw(
    asked: tuple[Augmentation, ...], count: int, height: int, width: int, rng: np.random.Generator
) -> Draws:
    """What happens to each of ``count`` images; draws in the order of :class:`Augmentation`."""
    return Draws(
        rng.random(count) < 0.5 if Augmentation.FLIP in asked else None,
        rng.integers(0, 2 * SHIFT_PIXELS + 1, (2, count)) if Augmentation.SHIFT in asked else None,
        np.stack([rng.integers(0, side, count) for side in (height, width)]) if Augmentation.CUTOUT in asked else None,
        rng.uniform(1 - COLOUR_STRENGTH, 1 + COLOUR_STRENGTH, (3, count)).astype(np.float32)
        if Augmentation.COLOUR in asked
        else None,
    )


def augment(images: NDArray[np.uint8], draws: Draws) -> NDArray[np.uint8]:
    """The images (n, H, W, C) with what was drawn for each."""
    if draws.flipped is not None or draws.shift is not None:
        images = _moved(images, draws.flipped, draws.shift)
    if draws.colour is not None:
        images = _coloured(images, draws.colour)
    if draws.cutout is not None:
        images = _cut_out(images, draws.cutout)
    return images


def _moved(
    images: NDArray[np.uint8], flipped: NDArray[np.bool_] | None, shift: NDArray[np.int64] | None
) -> NDArray[np.uint8]:
    """Mirrored and shifted in one pass: every pixel is fetched from its place in the padded image."""
    count, height, width, _ = images.shape
    rows, columns = np.arange(height)[None, :], np.arange(width)[None, :]
    if flipped is not None:
        columns = np.where(flipped[:, None], width - 1 - columns, columns)
    if shift is not None:
        border = ((0, 0), (SHIFT_PIXELS, SHIFT_PIXELS), (SHIFT_PIXELS, SHIFT_PIXELS), (0, 0))
        images = np.pad(images, border)
        rows = rows + shift[0][:, None]
        # A mirrored image moves the other way than its source.
        left = shift[1] if flipped is None else np.where(flipped, 2 * SHIFT_PIXELS - shift[1], shift[1])
        columns = columns + left[:, None]
    moved: NDArray[np.uint8] = images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved


def _coloured(images: NDArray[np.uint8], factors: NDArray[np.float32]) -> NDArray[np.uint8]:
    brightness, contrast, saturation = (factor[:, None, None, None] for factor in factors)
    values = images.astype(np.float32) * brightness
    if images.shape[3] == 3:
        grey = (values @ _LUMA)[..., None]
        values = grey + (values - grey) * saturation
    mean = values.mean((1, 2, 3), keepdims=True)
    values = mean + (values - mean) * contrast
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _cut_out(images: NDArray[np.uint8], centres: NDArray[np.int64]) -> NDArray[np.uint8]:
    """A square around each centre, clipped at the image's edges, becomes the image's own mean."""
    _, height, width, _ = images.shape
    half = max(1, round(CUTOUT_SHARE * min(height, width) / 2))
    in_rows = np.abs(np.arange(height)[None, :] - centres[0][:, None]) < half
    in_columns = np.abs(np.arange(width)[None, :] - centres[1][:, None]) < half
    inside = in_rows[:, :, None, None] & in_columns[:, None, :, None]
    return np.where(inside, images.mean((1, 2), keepdims=True).astype(np.uint8), images)
