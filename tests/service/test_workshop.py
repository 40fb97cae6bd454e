"""Sub-networks made ready, and kept for a while."""

import pytest
import torch

from nasc_sdk.candidate import Candidate
from nasc_sdk.errors import InputError
from nasc_search.service import workshop as module
from nasc_search.service.workshop import Workshop
from nasc_search.supernet.model import Supernet
from tests.service.shops import shop, some_archs
from tests.supernet.tasks import DENSE_CELL, SPACE, task


def test_prepared_parts_belong_together():
    prepared = shop().prepare(DENSE_CELL)
    assert prepared.network == SPACE.network(DENSE_CELL)
    assert prepared.version == prepared.folded.version
    assert set(prepared.folded.weights) == {op.param for _, op in prepared.network.ops() if op.param}
    assert shop().prepare(DENSE_CELL) is prepared
    assert DENSE_CELL in shop().ready


def test_equal_weights_give_equal_versions():
    again = Workshop(Supernet(SPACE, 4), task()).prepare(DENSE_CELL)
    other = Workshop(Supernet(SPACE, 5), task()).prepare(DENSE_CELL)
    assert again.version == shop().prepare(DENSE_CELL).version != other.version


def test_accuracy_is_the_share_of_right_answers():
    own = shop()
    validation = own.dataset.validation
    images = torch.from_numpy(own.dataset.normalise(validation.images))
    answers = own.prepare(DENSE_CELL).folded(images).argmax(1).numpy()
    assert own.accuracy(Candidate(DENSE_CELL, 1)) == pytest.approx(float((answers == validation.labels).mean()))


def test_light_ones_are_not_kept():
    own = Workshop(Supernet(SPACE, 4), task())
    assert own.prepare_light(DENSE_CELL).network.arch == DENSE_CELL
    assert DENSE_CELL not in own.ready
    kept = own.prepare(DENSE_CELL)
    assert own.prepare_light(DENSE_CELL) is kept


def test_the_recently_used_are_kept():
    own = Workshop(Supernet(SPACE, 4), task())
    archs = list(dict.fromkeys(some_archs(module._KEEP + 2)))
    for arch in archs:
        own.prepare(archs[0])
        own.prepare(arch)
    assert len(own.ready) == module._KEEP
    assert archs[0] in own.ready
    assert archs[1] not in own.ready


def test_strangers_are_refused():
    with pytest.raises(InputError):
        shop().prepare("resnet18")
    assert "resnet18" not in shop().ready


def test_the_sample_image_is_normalised():
    assert shop().sample_image().shape == (1, 1, 8, 8)
