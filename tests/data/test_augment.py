"""Augmentation: seeded, what it says, and the same for a part of the batch as for the whole."""

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.data.augment import augment, draw
from nasc_search.data.augmentations import DEFAULT, Augmentation
from nasc_search.data.batches import Share, draw_batch
from nasc_search.data.dataset import Dataset, Split

ALL = tuple(Augmentation)


def images(count=50, channels=1, side=8):
    return np.random.default_rng(7).integers(1, 256, (count, side, side, channels)).astype(np.uint8)


def augmented(given, *asked, seed=0):
    count, height, width, _ = given.shape
    return augment(given, draw(asked, count, height, width, np.random.default_rng(seed)))


def test_shifted_and_mirrored_ones():
    given = np.arange(1, 65, dtype=np.uint8).reshape(1, 8, 8, 1).repeat(50, axis=0)
    seen = augmented(given, *DEFAULT)
    padded = np.pad(given[0], ((2, 2), (2, 2), (0, 0)))
    possible = {
        source[top : top + 8, left : left + 8].tobytes()
        for source in (padded, padded[:, ::-1])
        for top in range(5)
        for left in range(5)
    }
    assert {image.tobytes() for image in seen} <= possible
    assert len({image.tobytes() for image in seen}) > 10


def test_mirroring_alone():
    given = images()
    seen = augmented(given, Augmentation.FLIP)
    kept = [(a == b).all() for a, b in zip(seen, given, strict=True)]
    assert 10 < sum(kept) < 40
    assert all(keep or (a == b[:, ::-1]).all() for keep, a, b in zip(kept, seen, given, strict=True))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_square_is_cut_out(channels):
    given = images(channels=channels)
    seen = augmented(given, Augmentation.CUTOUT)
    for after, before in zip(seen, given, strict=True):
        rows, columns = np.nonzero((after != before).any(axis=2))
        assert 1 <= np.ptp(rows) + 1 <= 3
        assert 1 <= np.ptp(columns) + 1 <= 3
        hidden = after[rows, columns]
        assert np.ptp(hidden[:, 0]) == 0
        assert abs(int(hidden[0, 0]) - before[..., 0].mean()) <= 1


def test_colours_change_and_grey_stays_grey():
    grey = images(1, side=8).repeat(3, axis=3).repeat(20, axis=0)
    seen = augmented(grey, Augmentation.COLOUR)
    assert np.ptp(seen.astype(int), axis=3).max() <= 1
    assert len({image.tobytes() for image in seen}) == 20
    colourful = augmented(images(channels=3), Augmentation.COLOUR)
    assert colourful.dtype == np.uint8
    assert abs(colourful.mean() - images(channels=3).mean()) < 12


def test_nothing_asked_nothing_done():
    assert augmented(images()) is not None
    assert (augmented(images()) == images()).all()


def dataset():
    split = Split(images(40, 3), np.arange(40, dtype=np.int64))
    return Dataset("noise", ("a", "b"), (0.5,) * 3, (0.2,) * 3, split, split, split, split)


@pytest.mark.parametrize("size", [2, 4])
def test_shares_make_the_whole_batch(size):
    data = dataset()
    rngs = [np.random.default_rng((3, 4)) for _ in range(size + 1)]
    whole, labels = draw_batch(data, data.train, 16, ALL, rngs[0])
    parts = [draw_batch(data, data.train, 16, ALL, rngs[r + 1], Share(r, size)) for r in range(size)]
    assert (np.concatenate([part for part, _ in parts]) == whole).all()
    assert (np.concatenate([part for _, part in parts]) == labels).all()
    # Whoever drew: what is drawn next is the same.
    assert len({rng.integers(1 << 60) for rng in rngs}) == 1


@pytest.mark.parametrize(("batch", "size"), [(9, 2), (4, 4), (16, 3)])
def test_a_batch_that_cannot_be_shared(batch, size):
    with pytest.raises(InputError, match="cannot be shared equally"):
        Share(0, size).rows(batch)
