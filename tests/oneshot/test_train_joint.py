"""Training weights and theta together: seeded, resumable to the bit, saved when interrupted, bound to its setting."""

import signal
from dataclasses import replace

import pytest
import torch

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.data.dataset import Dataset
from nasc_search.oneshot.train import train_joint
from nasc_search.spaces.fbnet import CIFAR, FBNetMacro, FBNetSpace
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.model import Supernet, is_coder
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.run_log import log_path, read_rows
from nasc_search.supernet.train import train
from tests.oneshot.planted import setting
from tests.supernet.tasks import OTHER, SPACE, task

OPTIONS = TrainOptions(steps=4, batch=8, seed=5, ema_decay=0.9)
SETTING = setting(SPACE, 100.0)


def ignore(_):
    pass


def joint(path, wanted=SETTING, data=None, resume=False, space=SPACE, options=OPTIONS, **more):
    return train_joint(space, data or task(), options, wanted, path, ignore, resume=resume, **more)


class CutOff(Dataset):
    """Ctrl-C between what theta and what the weights learn from in the second or third step."""

    __slots__ = ()
    calls = 0

    def scale(self, images):
        CutOff.calls += 1
        if CutOff.calls == 5:
            raise KeyboardInterrupt
        return Dataset.scale(self, images)


class SignalInStep(Dataset):
    """A real SIGINT while theta's images are prepared."""

    __slots__ = ()
    calls = 0

    def scale(self, images):
        SignalInStep.calls += 1
        if SignalInStep.calls == 5:
            signal.raise_signal(signal.SIGINT)
        return Dataset.scale(self, images)


def same(first, second):
    one, other = load(first), load(second)
    weights, live = other.supernet.state_dict(), other.live
    return (
        one.sampler == other.sampler
        and all(torch.equal(value, weights[name]) for name, value in one.supernet.state_dict().items())
        and all(torch.equal(value, live[name]) for name, value in one.live.items())
    )


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    whole, halved = tmp_path / "whole.safetensors", tmp_path / "halved.safetensors"
    distribution = joint(whole)
    CutOff.calls = 0
    with pytest.raises(KeyboardInterrupt):
        joint(halved, data=task(CutOff))
    stopped = load(halved)
    assert 0 < stopped.progress.step < 4
    assert stopped.sampler
    assert stopped.sampler != load(whole).sampler
    resumed = joint(halved, resume=True)
    assert load(halved).progress.step == 4
    assert same(whole, halved)
    assert resumed.chosen() == distribution.chosen()
    # Finished ones are opened again without a step.
    assert joint(halved, resume=True).chosen() == distribution.chosen()


def test_ctrl_c_waits_for_the_end_of_the_step(tmp_path):
    SignalInStep.calls = 0
    path, whole = tmp_path / "s.safetensors", tmp_path / "whole.safetensors"
    with pytest.raises(KeyboardInterrupt):
        joint(path, data=task(SignalInStep))
    assert 0 < load(path).progress.step < 4
    joint(path, resume=True)
    joint(whole)
    assert same(path, whole)


def test_the_seed_decides_and_theta_moved(tmp_path):
    states = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        joint(tmp_path / name, options=replace(OPTIONS, seed=seed))
        states.append(load(tmp_path / name).sampler)
    assert states[0] == states[1] != states[2]
    rows = read_rows(log_path(tmp_path / "a"))
    entropies = [row.entropy_bits for row in rows]
    assert entropies[-1] < entropies[0]
    assert all(0 < row.mode_probability <= 1 for row in rows)


def test_another_run_is_not_resumed(tmp_path):
    path = tmp_path / "joint"
    joint(path)
    before = path.read_bytes()
    for more in (
        {"wanted": setting(SPACE, 99.0)},
        {"options": replace(OPTIONS, steps=5)},
        {"encoders": True},
        {"space": OTHER, "wanted": setting(OTHER, 100.0)},
    ):
        with pytest.raises(InputError, match="of another run"):
            joint(path, resume=True, **more)
    # Nor is a joint training gone on with by a plain one, or the other way round.
    with pytest.raises(InputError, match="of another run"):
        train(Supernet(SPACE), task(), OPTIONS, path, ignore, resume=True)
    assert path.read_bytes() == before
    plain = tmp_path / "plain"
    train(Supernet(SPACE), task(), OPTIONS, plain, ignore)
    with pytest.raises(InputError, match="of another run"):
        joint(plain, resume=True)


def test_nothing_is_trained_for_a_limit_that_nothing_keeps(tmp_path):
    with pytest.raises(InfeasibleError) as raised:
        joint(tmp_path / "s", setting(SPACE, 0.05))
    assert "limit" in raised.value.nearest[0]
    assert not list(tmp_path.iterdir())


def test_the_shipped_part_cannot_be_trained_on(tmp_path):
    with pytest.raises(InputError, match="only the shipped part"):
        joint(tmp_path / "s", data=replace(task(), train=None))


def test_a_space_without_choices_is_refused(tmp_path):
    class Fixed:
        name = "fixed"

    with pytest.raises(InputError, match="nothing to be distributed over"):
        joint(tmp_path / "s", space=Fixed())


def test_fbnet_with_encoders_is_trained_as_well(tmp_path):
    space = FBNetSpace(FBNetMacro.of(CIFAR, SPACE.macro.input, 4, 0.5, 1))
    untrained = Supernet(space, 5, encoded=True).state_dict()
    distribution = joint(tmp_path / "s", setting(space, 100.0), space=space, encoders=True)
    found = load(tmp_path / "s").supernet
    assert found.encoded
    moved = [
        name for name, value in found.state_dict().items()
        if is_coder(name) and name.endswith("weight") and not torch.equal(value, untrained[name])
    ]  # fmt: skip
    assert moved
    candidate, _ = distribution.chosen()
    assert distribution.candidates.violation(distribution.candidates.problem.check((0,) * 9)) <= 0
    assert distribution.candidates.scored(candidate).feasible
