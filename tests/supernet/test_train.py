"""Training: seeded, resumable to the bit, saved when interrupted, and it learns."""

import signal
from dataclasses import replace

import pytest
import torch

from nasc_sdk.errors import InputError, StorageError
from nasc_search.data.dataset import Dataset
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import SamplingRule, TrainOptions
from nasc_search.supernet.sampling import draw, evaluate
from nasc_search.supernet.schedule import learning_rate
from nasc_search.supernet.train import train
from tests.supernet.tasks import DENSE_CELL, OTHER, SPACE, task

OPTIONS = TrainOptions(steps=6, batch=8, seed=5)


def ignore(_):
    pass


class CutOff(Dataset):
    """Ctrl-C at the start of the fourth step."""

    __slots__ = ()
    calls = 0

    def scale(self, images):
        CutOff.calls += 1
        if CutOff.calls == 4:
            raise KeyboardInterrupt
        return Dataset.scale(self, images)


def weights(path):
    return load(path).supernet.state_dict()


def equal(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    train(Supernet(SPACE, 5), task(), OPTIONS, whole, ignore)
    CutOff.calls = 0
    with pytest.raises(KeyboardInterrupt):
        train(Supernet(SPACE, 5), task(CutOff), OPTIONS, halved, ignore)
    assert load(halved).progress.step == 3
    assert not equal(weights(whole), weights(halved))
    # Whatever the fresh supernet was seeded with: the checkpoint counts.
    train(Supernet(SPACE, 99), task(), OPTIONS, halved, ignore, resume=True)
    assert load(halved).progress.step == 6
    assert equal(weights(whole), weights(halved))


def test_the_seed_decides(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        train(Supernet(SPACE, 5), task(), TrainOptions(3, 8, seed=seed), tmp_path / name, ignore)
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not equal(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_an_interrupt_in_the_report_saves(tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Supernet(SPACE), task(), OPTIONS, tmp_path / "s", interrupt)
    assert load(tmp_path / "s").progress.step == 6


class SignalInStep(Dataset):
    """A real SIGINT in the middle of the second step."""

    __slots__ = ()
    calls = 0

    def scale(self, images):
        SignalInStep.calls += 1
        if SignalInStep.calls == 2:
            signal.raise_signal(signal.SIGINT)
        return Dataset.scale(self, images)


def test_ctrl_c_waits_for_the_end_of_the_step(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    SignalInStep.calls = 0
    with pytest.raises(KeyboardInterrupt):
        train(Supernet(SPACE, 5), task(SignalInStep), OPTIONS, tmp_path / "s", ignore)
    assert load(tmp_path / "s").progress.step == 2
    assert signal.getsignal(signal.SIGINT) is before
    train(Supernet(SPACE), task(), OPTIONS, tmp_path / "s", ignore, resume=True)
    train(Supernet(SPACE, 5), task(), OPTIONS, tmp_path / "whole", ignore)
    assert equal(weights(tmp_path / "s"), weights(tmp_path / "whole"))


def test_it_learns(tmp_path):
    losses = []
    options = TrainOptions(steps=1, batch=32, seed=0)
    train(Supernet(SPACE), task(), options, tmp_path / "s", lambda now: losses.append(now.loss))
    supernet = Supernet(SPACE)
    train(supernet, task(), TrainOptions(120, 32, seed=0), tmp_path / "s", lambda now: losses.append(now.loss))
    assert losses[-1] < 0.5 * losses[0]
    found = evaluate(supernet, task(), (DENSE_CELL,), {}, lambda *_: None)
    assert found[DENSE_CELL] > 0.6


@pytest.mark.parametrize(
    ("space", "options"),
    [
        (OTHER, OPTIONS),
        (SPACE, TrainOptions(7, 8, seed=5)),
        (SPACE, TrainOptions(6, 9, seed=5)),
        (SPACE, TrainOptions(6, 8, seed=4)),
        (SPACE, TrainOptions(6, 8, 0.01, 5)),
        (SPACE, replace(OPTIONS, rule=SamplingRule.SANDWICH)),
        (SPACE, replace(OPTIONS, augmentations=())),
        (SPACE, replace(OPTIONS, ema_decay=0.9)),
    ],
)
def test_another_run_is_not_resumed(tmp_path, space, options):
    train(Supernet(SPACE), task(), OPTIONS, tmp_path / "s", ignore)
    before = (tmp_path / "s").read_bytes()
    with pytest.raises(InputError, match="of another run"):
        train(Supernet(space), task(), options, tmp_path / "s", ignore, resume=True)
    assert (tmp_path / "s").read_bytes() == before


def test_nothing_to_resume_is_said(tmp_path):
    with pytest.raises(InputError, match="no readable checkpoint"):
        train(Supernet(SPACE), task(), OPTIONS, tmp_path / "none", ignore, resume=True)


def test_the_shipped_part_cannot_be_trained_on(tmp_path):
    with pytest.raises(InputError, match="only the shipped part"):
        train(Supernet(SPACE), replace(task(), train=None), OPTIONS, tmp_path / "s", ignore)
    assert not (tmp_path / "s").exists()


def test_a_disk_that_refuses_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        train(Supernet(SPACE), task(), OPTIONS, tmp_path / "file" / "s", ignore)


def test_the_rate_warms_up_and_falls():
    options = TrainOptions(1000, learning_rate=0.1)
    rates = [learning_rate(step, options) for step in range(1000)]
    assert rates[0] == pytest.approx(0.002)
    assert max(rates) <= 0.1
    assert 0 < rates[-1] < 1e-5
    assert rates[60:] == sorted(rates[60:], reverse=True)


@pytest.mark.parametrize(
    "more",
    [{"ema_decay": 0.9}, {"rule": SamplingRule.FAIR}, {"rule": SamplingRule.SANDWICH, "ema_decay": 0.5}],
    ids=str,
)
def test_a_resumed_run_goes_on_by_its_rule_and_with_its_average(tmp_path, more):
    options = replace(OPTIONS, steps=4, **more)
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    train(Supernet(SPACE, 5), task(), options, whole, ignore)
    CutOff.calls = 1
    with pytest.raises(KeyboardInterrupt):
        train(Supernet(SPACE, 5), task(CutOff), options, halved, ignore)
    assert load(halved).progress.step == 2
    train(Supernet(SPACE, 99), task(), options, halved, ignore, resume=True)
    assert equal(weights(whole), weights(halved))
    assert equal(load(whole).live, load(halved).live)
    assert bool(load(whole).live) == ("ema_decay" in more)


def test_the_average_is_what_a_checkpoint_holds(tmp_path):
    supernet, plain = Supernet(SPACE, 5), Supernet(SPACE, 5)
    train(supernet, task(), replace(OPTIONS, ema_decay=0.9), tmp_path / "s", ignore)
    train(plain, task(), OPTIONS, None, ignore)
    found = load(tmp_path / "s")
    assert equal(found.live, dict(plain.named_parameters()))
    averages = found.supernet.state_dict()
    assert all(torch.equal(averages[name], value) for name, value in supernet.named_parameters())
    assert not equal(found.live, averages)


def test_bfloat16_learns_as_well(tmp_path):
    last = []
    for bfloat16 in (False, True):
        options = TrainOptions(steps=30, batch=32, seed=0, bfloat16=bfloat16)
        reports = []
        train(Supernet(SPACE), task(), options, tmp_path / "s", reports.append)
        last.append(reports[-1].loss)
    assert abs(last[1] - last[0]) < 0.3


def test_drawing_is_seeded_and_known_ones_are_not_evaluated_again():
    archs = draw(SPACE, 3, 0)
    assert archs == draw(SPACE, 3, 0) != draw(SPACE, 3, 1)
    assert len(set(archs)) == 3
    seen = []
    known = {archs[0]: -1.0}
    found = evaluate(Supernet(SPACE), task(), archs, known, lambda done, total, _: seen.append((done, total)))
    assert found[archs[0]] == -1.0
    assert all(0 <= found[arch] <= 1 for arch in archs[1:])
    assert seen == [(1, 3), (2, 3), (3, 3)]
