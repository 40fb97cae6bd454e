"""Encoders learn; what the supernet knew before stays, unless both are trained together."""

from copy import deepcopy
from dataclasses import replace
from functools import lru_cache

import pytest
import torch

from nasc_sdk.candidate import Candidate, CutEncoding
from nasc_sdk.errors import InputError
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.encodings.measure import draw_encoded, evaluate_encoded, lossy
from nasc_search.encodings.train import train_encoders, train_for_cut
from nasc_search.service.workshop import Workshop
from nasc_search.supernet.finetune import finetune
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.own_weights import OwnWeights
from tests.supernet.tasks import DENSE_CELL, SPACE, task

NARROW = Candidate(DENSE_CELL, 2, CutEncoding(4, 2))


@lru_cache(maxsize=1)
def _learnt_once():
    return finetune(Supernet(SPACE, 4, encoded=True), DENSE_CELL, task(), 4, lambda step: None, batch=32).supernet


def learnt():
    """A supernet of one's own whose dense cell knows the task, and whose encoders know nothing."""
    return deepcopy(_learnt_once())


def trained(steps=120, *, joint=False, seed=0):
    own = learnt()
    train_encoders(own, task(), TrainOptions(steps, 32, 0.1, seed), lambda step: None, arch=DENSE_CELL, joint=joint)
    return own


def test_encoders_learn_and_shared_weights_stay():
    before, after = learnt(), trained()
    coders = after.state_of(after.coders)
    for name, value in before.state_dict().items():
        if name.endswith(("weight", "bias")):
            assert torch.equal(value, after.state_dict()[name]) == (name not in coders), name
    accuracies = [Workshop(own, task()).accuracy(NARROW) for own in (before, after)]
    assert accuracies[1] > accuracies[0] + 0.25
    assert all(parameter.requires_grad for parameter in after.parameters())


def test_the_same_seed_gives_the_same_encoders():
    first, second, other = trained(5), trained(5), trained(5, seed=1)
    name = "_layers.encode_2_2/conv.weight"
    assert torch.equal(first.state_dict()[name], second.state_dict()[name])
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])


def test_joint_training_moves_both():
    before, after = learnt(), trained(5, joint=True)
    assert not torch.equal(
        before.layer("stem.conv").weight, after.layer("stem.conv").weight
    )


def test_what_cannot_be_trained_is_said():
    with pytest.raises(InputError, match="without encoders"):
        train_encoders(Supernet(SPACE, 4), task(), TrainOptions(1), lambda step: None)
    own = Supernet(SPACE, 4, encoded=True)
    with pytest.raises(InputError, match="--data"):
        train_encoders(own, replace(task(), train=None), TrainOptions(1), lambda step: None)


def test_encoded_sub_networks_are_drawn_and_evaluated_once():
    own, archs = Supernet(SPACE, 4, encoded=True), SPACE.archs[:3]
    drawn = [candidate for candidate, _ in zip(draw_encoded(own, archs, 0), range(60), strict=False)]
    assert {candidate.arch for candidate in drawn} == set(archs)
    assert {candidate.cut for candidate in drawn} == set(SPACE.network(archs[0]).cuts[1:-1])
    assert all(not candidate.encoding.bottleneck for candidate, _ in zip(
        draw_encoded(Supernet(SPACE, 4), archs, 0), range(30), strict=False
    ))  # fmt: skip
    known = {accuracy_key(drawn[0]): 0.123}
    found = evaluate_encoded(own, task(), archs, 4, 0, known, lambda done, total, found: None)
    assert found[accuracy_key(drawn[0])] == 0.123
    for candidate in drawn[1:4]:
        expected = Workshop(own, task()).accuracy(candidate)
        assert found[accuracy_key(candidate)] == pytest.approx(expected)


def test_every_cut_knows_what_loses_accuracy():
    network = SPACE.network(DENSE_CELL)
    assert lossy(network, 0) == lossy(network, network.cuts[-1]) == ()
    assert CutEncoding(4, 2) in lossy(network, 2)
    assert CutEncoding(4, 2) not in lossy(network, 2, encoders=False)


def test_one_cut_is_trained_alone_and_kept_with_its_head(tmp_path):
    shared = learnt()
    shop = Workshop(shared, task(), OwnWeights(tmp_path, "supernet"))
    before, plain = shop.accuracy(NARROW), shop.accuracy(Candidate(DENSE_CELL, 2))
    trained = train_for_cut(shared, task(), TrainOptions(120, 32, 0.1), lambda step: None, NARROW)
    heads = [own.layer("stem.conv").weight for own in (shared, trained)]
    assert torch.equal(*heads)
    OwnWeights(tmp_path, "supernet").put_cut(NARROW, trained)
    again = Workshop(shared, task(), OwnWeights(tmp_path, "supernet"))
    assert again.accuracy(NARROW) > before + 0.25
    assert again.accuracy(Candidate(DENSE_CELL, 2)) == plain, "the tail is of use with this encoding only"
    OwnWeights(tmp_path, "supernet").put(DENSE_CELL, shared)
    assert Workshop(shared, task(), OwnWeights(tmp_path, "supernet")).accuracy(NARROW) == before, "another head"
    with pytest.raises(InputError, match="no encoder"):
        train_for_cut(shared, task(), TrainOptions(1), lambda step: None, Candidate(DENSE_CELL, 2, CutEncoding(4)))
