"""What may be done to training images: names, without what does it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Augmentation(StrEnum):
    """What may be done to training images."""

    FLIP = "flip"
    """Mirror half of the images."""
    SHIFT = "shift"
    """Move each by up to two pixels in both directions; edges are filled with zeros."""
    CUTOUT = "cutout"
    """Blank a square at a random place (DeVries & Taylor 2017, arXiv 1708.04552)."""
    COLOUR = "colour"
    """Brightness, contrast and, for colour images, saturation."""


DEFAULT: Final = (Augmentation.FLIP, Augmentation.SHIFT)
