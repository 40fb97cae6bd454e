"""One sub-network alone: from shared weights or from nothing, averaged, taught."""

from dataclasses import replace

import pytest
import torch

from nasc_sdk.errors import InputError
from nasc_search.data.augmentations import Augmentation
from nasc_search.data.dataset import Dataset
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.retrain import accuracy_of, folded, retrain
from tests.supernet.tasks import DENSE_CELL, SPACE, task

OPTIONS = TrainOptions(24, 32, 0.05, seed=1)


@pytest.fixture(scope="module")
def teacher():
    return retrain(Supernet(SPACE, 4), DENSE_CELL, task(), replace(OPTIONS, steps=60)).network


def test_averaged_taught_and_cut_out_it_learns_and_repeats(teacher):
    options = replace(
        OPTIONS, ema_decay=0.9, label_smoothing=0.1, augmentations=(Augmentation.SHIFT, Augmentation.CUTOUT)
    )
    found, again = (
        retrain(Supernet(SPACE, 4), DENSE_CELL, task(), options, teacher, inherit=False) for _ in range(2)
    )
    assert found.accuracy_after > 0.6
    assert found.network.version == again.network.version
    plain = retrain(Supernet(SPACE, 4), DENSE_CELL, task(), options, inherit=False)
    assert plain.network.version != found.network.version


def test_from_nothing_the_shared_weights_do_not_matter():
    versions = [
        retrain(Supernet(SPACE, seed), DENSE_CELL, task(), OPTIONS, inherit=inherit).network.version
        for seed, inherit in ((4, False), (5, False), (4, True), (5, True))
    ]
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_the_average_is_what_is_returned():
    """At a decay of nearly one the average of few steps stays near where it began, whatever the last step did."""
    wild = replace(OPTIONS, steps=8, learning_rate=5.0)
    begun = folded(Supernet(SPACE, 4), DENSE_CELL, task()).weights
    moved = [
        sum(
            float(abs(layer.weight - begun[param].weight).sum())
            for param, layer in retrain(Supernet(SPACE, 4), DENSE_CELL, task(), options).network.weights.items()
        )
        for options in (wild, replace(wild, ema_decay=0.9999))
    ]
    assert moved[1] < moved[0]


def test_a_good_teacher_beats_wrong_labels(teacher):
    """With all weight on the teacher, labels do not matter."""
    good = task()
    wrong = replace(good, train=replace(good.train, labels=(good.train.labels + 1) % 4))
    options = replace(OPTIONS, steps=60, distillation=1.0)
    taught = retrain(Supernet(SPACE, 5), DENSE_CELL, wrong, options, teacher)
    misled = retrain(Supernet(SPACE, 5), DENSE_CELL, wrong, options)
    assert accuracy_of(taught.network, good, good.validation) > 0.6 > 0.3 > misled.accuracy_after


def test_what_cannot_be_trained():
    with pytest.raises(InputError, match="--data FOLDER"):
        retrain(Supernet(SPACE), DENSE_CELL, replace(task(), train=None), OPTIONS)
    with pytest.raises(InputError, match="no NAS-Bench-201 cell"):
        retrain(Supernet(SPACE), "nonsense", task(), OPTIONS)


def test_the_supernet_stays_as_it_is():
    supernet = Supernet(SPACE, 4)
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    retrain(supernet, DENSE_CELL, task(), replace(OPTIONS, steps=2, ema_decay=0.5))
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())


def test_interrupted_it_goes_on_from_its_checkpoint(tmp_path):
    options, path = replace(OPTIONS, steps=4, ema_decay=0.9), tmp_path / "s.safetensors"
    whole = retrain(Supernet(SPACE, 4), DENSE_CELL, task(), options)
    with pytest.raises(KeyboardInterrupt):
        retrain(Supernet(SPACE, 4), DENSE_CELL, task(Third), options, path=path)
    assert load(path).progress.step == 2
    with pytest.raises(InputError, match="of another run"):
        retrain(Supernet(SPACE, 4), SPACE.archs[-1], task(), options, path=path, resume=True)
    resumed = retrain(Supernet(SPACE, 4), DENSE_CELL, task(), options, path=path, resume=True)
    assert resumed.network.version == whole.network.version


class Third(Dataset):
    """Ctrl-C at the start of the third step; before it, images are scaled for two evaluations."""

    __slots__ = ()
    calls = 0

    def scale(self, images):
        Third.calls += 1
        if Third.calls == 5:
            raise KeyboardInterrupt
        return Dataset.scale(self, images)
