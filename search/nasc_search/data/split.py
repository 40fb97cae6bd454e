"""How a training set is split when its makers did not say: seeded, so that every run holds out the same images."""

from __future__ import annotations

import numpy as np

from nasc_search.data.dataset import Split

VALIDATION_SHARE = 0.1
MAX_VALIDATION = 5000
CALIBRATION = 1024
_SEED = 0


def held_out(whole: Split) -> tuple[Split, Split, Split]:
    """Training, validation and calibration images; calibration is a part of training."""
    order = np.random.default_rng(_SEED).permutation(len(whole))
    held = max(1, min(MAX_VALIDATION, int(VALIDATION_SHARE * len(whole))))
    validation, train = (Split(whole.images[i], whole.labels[i]) for i in (order[:held], order[held:]))
    return train, validation, train.take(CALIBRATION)


def statistics(split: Split) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel, of images in 0..1; a constant channel gets a deviation of 1."""
    scaled = split.images.reshape(-1, split.images.shape[-1]) / 255.0
    deviation = scaled.std(axis=0)
    deviation[deviation == 0] = 1.0
    return tuple(scaled.mean(axis=0).tolist()), tuple(deviation.tolist())
