"""Dataset: uint8 images and labels in splits, with the statistics that normalise them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec


@dataclass(frozen=True, slots=True)
class Split:
    """Images (n, H, W, C) uint8 and labels (n,) int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or len(self.images) != len(self.labels) or not len(self.images):
            raise InputError(
                f"images {self.images.shape} and labels {self.labels.shape} do not belong together, "
                "or there are none"
            )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, count: int) -> Split:
        """The first ``count`` of the split."""
        return Split(self.images[:count], self.labels[:count])


@dataclass(frozen=True, slots=True)
class Dataset:
    """A classification task.

    ``train`` is empty-handed (None) where only the shipped part is present: enough to search and to test, not to train.
    """

    name: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Per channel, of images scaled to 0..1."""
    train: Split | None
    validation: Split
    """Held out of training: chooses between sub-networks."""
    calibration: Split
    """From the training images: batch-norm statistics and quantization ranges."""
    test: Split
    """Never used to choose anything."""

    @property
    def input(self) -> TensorSpec:
        """Shape of one image."""
        _, height, width, channels = self.test.images.shape
        return TensorSpec(height, width, channels)

    def scale(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Images (n, H, W, C) with every channel's mean at 0 and deviation at 1."""
        mean = np.asarray(self.mean, np.float32)
        std = np.asarray(self.std, np.float32)
        return (images.astype(np.float32) / np.float32(255) - mean) / std

    def normalise(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Images (n, H, W, C) as the network's float input (n, C, H, W)."""
        return np.ascontiguousarray(self.scale(images).transpose(0, 3, 1, 2))
