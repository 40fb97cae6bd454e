"""Coding: what cut encodings take beside the network's own blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """What a request's input and its head's output take on the board's serial line, ``[K, E]``; nothing at cut 0."""

    ms: Array
    """Median."""
    sd_ms: Array
    """As in :class:`Coding`."""


@dataclass(frozen=True, slots=True)
class Coding:
    """What each encoding adds at each cut, ``[K, E]``, whatever the architecture."""

    head_ms: Array
    """Encoder, packing and entropy coding, on the board, and its serial line; median."""
    head_sd_ms: Array
    """Jitter and model error, one standard deviation."""
    tail_ms: Array
    """The way back, on the server."""
    tail_sd_ms: Array
    arena_bytes: NDArray[np.int64]
    """Activations of the encoder, which runs after all other blocks."""
    flash_bytes: NDArray[np.int64]
    """Of the encoder in the head's model file."""
    assumed: tuple[str, ...] = ()
    """Devices on which packing and entropy coding were never measured."""
    line: Line | None = None
    """In ``head_ms`` already; None for a board without one."""

    @classmethod
    def none(cls, cuts: int, encodings: int) -> Coding:
        """Where nothing is encoded."""
        shape = cuts, encodings
        head_ms, head_sd_ms, tail_ms, tail_sd_ms = np.zeros((4, *shape))
        arena_bytes, flash_bytes = np.zeros((2, *shape), np.int64)
        return cls(head_ms, head_sd_ms, tail_ms, tail_sd_ms, arena_bytes, flash_bytes)

    @property
    def ms(self) -> Array:
        """On both sides."""
        return np.asarray(self.head_ms + self.tail_ms, np.float64)

    @property
    def variance(self) -> Array:
        """On both sides, ms^2."""
        return np.asarray(self.head_sd_ms**2 + self.tail_sd_ms**2, np.float64)
