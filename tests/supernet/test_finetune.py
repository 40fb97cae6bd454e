"""One sub-network goes on training alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nasc_sdk.candidate import Candidate
from nasc_sdk.errors import InputError, StorageError
from nasc_search.service.workshop import Workshop
from nasc_search.supernet.finetune import finetune
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.own_weights import OwnWeights
from tests.supernet.tasks import DENSE_CELL, SPACE, task

EPOCHS = 4


def tuned(seed=0, epochs=EPOCHS, **options):
    steps = []
    found = finetune(Supernet(SPACE, 4), DENSE_CELL, task(), epochs, steps.append, batch=32, seed=seed, **options)
    return found, steps


def test_it_learns_and_tells_how_it_goes():
    found, steps = tuned()
    assert found.better
    assert found.accuracy_after > 0.7 > found.accuracy_before
    assert steps[-1].step == steps[-1].steps == EPOCHS * 256 // 32
    assert steps[-1].images_per_s > 0
    assert steps[-1].remaining_s == 0


def test_the_same_seed_gives_the_same_weights():
    first, second, other = tuned()[0], tuned()[0], tuned(seed=1)[0]
    assert first.network.version == second.network.version != other.network.version


def test_the_supernet_stays_as_it_is():
    supernet = Supernet(SPACE, 4)
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    finetune(supernet, DENSE_CELL, task(), 1, lambda step: None)
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())


def test_without_training_images_it_says_what_to_do():
    with pytest.raises(InputError, match="--data FOLDER"):
        finetune(Supernet(SPACE, 4), DENSE_CELL, replace(task(), train=None), 1, lambda step: None)


@pytest.mark.parametrize("epochs", [0, -1, 10_000])
def test_epochs_are_bounded(epochs):
    with pytest.raises(InputError, match=r"outside 1\.\.200"):
        tuned(epochs=epochs)


def test_better_weights_are_used_from_then_on_and_after_a_restart(tmp_path):
    shop = Workshop(Supernet(SPACE, 4), task(), OwnWeights(tmp_path, "supernet"))
    shared = shop.prepare(DENSE_CELL).version
    found = shop.finetune(DENSE_CELL, EPOCHS, lambda step: None)
    assert shop.prepare(DENSE_CELL).version == found.network.version != shared
    assert shop.accuracy(Candidate(DENSE_CELL, 1)) == found.accuracy_after
    again = Workshop(Supernet(SPACE, 4), task(), OwnWeights(tmp_path, "supernet"))
    assert again.prepare(DENSE_CELL).version == found.network.version
    stranger = Workshop(Supernet(SPACE, 4), task(), OwnWeights(tmp_path, "another supernet"))
    assert stranger.prepare(DENSE_CELL).version == shared


def test_worse_weights_are_not_kept(tmp_path):
    """A network that is perfect already cannot become better."""
    perfect = task()
    labels = np.zeros_like(perfect.validation.labels)
    shop = Workshop(Supernet(SPACE, 4), perfect, OwnWeights(tmp_path, "supernet"))
    answers = shop.prepare(DENSE_CELL).folded(
        torch.from_numpy(perfect.normalise(perfect.validation.images))
    ).argmax(1).numpy()
    labels[:] = answers
    easy = replace(perfect, validation=replace(perfect.validation, labels=labels))
    shop = Workshop(Supernet(SPACE, 4), easy, OwnWeights(tmp_path, "supernet"))
    found = shop.finetune(DENSE_CELL, 1, lambda step: None)
    assert found.accuracy_before == 1.0
    assert not found.better
    assert not list(tmp_path.iterdir())


def test_own_weights_give_way_only_to_better_ones(tmp_path):
    """However good the later ones are when they are compared with the shared weights."""
    shop = Workshop(Supernet(SPACE, 4), task(), OwnWeights(tmp_path, "supernet"))
    kept = shop.finetune(DENSE_CELL, EPOCHS, lambda step: None)
    shorter = shop.finetune(DENSE_CELL, 1, lambda step: None)
    assert shorter.accuracy_before == kept.accuracy_after > shorter.accuracy_after
    assert shop.prepare(DENSE_CELL).version == kept.network.version


def test_a_damaged_file_is_named(tmp_path):
    own = OwnWeights(tmp_path, "supernet")
    own.put(DENSE_CELL, tuned(epochs=1)[0].supernet)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=path.name):
        own.get(DENSE_CELL, Supernet(SPACE, 4))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        OwnWeights(tmp_path / "file", "supernet")
