"""Colour, from files to accuracy: classes that differ in nothing but their colour."""

import numpy as np
import pytest
from PIL import Image

from nasc_search.data.augmentations import Augmentation
from nasc_search.data.registry import load_dataset
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.retrain import retrain
from tests.supernet.tasks import DENSE_CELL


@pytest.fixture
def folder(tmp_path):
    """Sixty images a class of equal brightness: the class's channel is light, the others are dark."""
    rng = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green", "blue")):
        (tmp_path / name).mkdir()
        for index in range(60):
            values = rng.integers(0, 120, (12, 12, 3))
            values[..., channel] += 60
            Image.fromarray(values.astype(np.uint8)).save(tmp_path / name / f"{index}.png")
    return tmp_path


def test_a_colour_folder_is_learnt(folder):
    data = load_dataset("folder", folder, need_train=True)
    assert data.input.channels == 3
    supernet = Supernet(NB201Space(Macro(data.input, 3, channels=4, stem_stride=2)))
    options = TrainOptions(60, 16, 0.05, augmentations=tuple(Augmentation), ema_decay=0.9)
    found = retrain(supernet, DENSE_CELL, data, options)
    assert found.accuracy_after > 0.7
