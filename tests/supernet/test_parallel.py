"""Groups: what can be said without a second process; two real ones are in tests/cli/test_train_parallel.py."""

import numpy as np
import pytest
import torch
from torch import nn

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.data.batches import Share
from nasc_search.spaces.fbnet import CIFAR, FBNetMacro, FBNetSpace
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.parallel import ALONE, Group, Replica, SharedBatchNorm, joined, share_batch_norm


def test_without_torchrun_a_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined() as group:
        assert group is ALONE
    assert group.is_first
    assert group.any(True)
    assert not group.any(False)
    assert group.from_first(lambda: 7) == 7
    module = nn.Sequential(nn.BatchNorm2d(3))
    replica = Replica(module, group)
    assert type(module[0]) is nn.BatchNorm2d
    with replica.accumulating(True):
        replica.backward(replica(torch.randn(2, 3, 4, 4)).square().sum())
    assert module[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("variables", [{"WORLD_SIZE": "2"}, {"WORLD_SIZE": "two", "RANK": "0"}])
def test_variables_that_make_no_sense(monkeypatch, variables):
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="start with torchrun"), joined():
        pass


class OneOfOne(Group):
    """A group whose sums are those of a single process."""

    def sum(self, tensor):
        return tensor


def test_shared_batch_norm_is_torchs_where_there_is_one_share():
    """Output, gradients and running statistics."""
    torch.manual_seed(0)
    images = torch.randn(8, 3, 5, 5).requires_grad_()
    plain = nn.BatchNorm2d(3)
    nn.init.uniform_(plain.weight)
    nn.init.uniform_(plain.bias)
    shared = SharedBatchNorm(plain, OneOfOne(Share(0, 1)))
    found = []
    for norm in (plain, shared):
        images.grad = None
        y = norm(images)
        y.square().mean().backward()
        found.append([y.detach(), images.grad, norm.weight.grad, norm.bias.grad, *norm.state_dict().values()])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert list(shared.state_dict()) == list(plain.state_dict())
    torch.testing.assert_close(shared.eval()(images), plain.eval()(images))


class TwoAlike(Group):
    """Two processes that hold the same images: the other's statistics are ours."""

    def sum(self, tensor):
        tensor[1] = tensor[0]
        return tensor


def test_operators_that_share_weights_share_batch_norm_as_well():
    space = FBNetSpace(FBNetMacro.of(CIFAR, TensorSpec(16, 16, 3), 4, width=0.25, depth=1))
    alone, shared = Supernet(space).train(), Supernet(space).train()
    share_batch_norm(shared, TwoAlike(Share(0, 2)))
    assert list(shared.state_dict()) == list(alone.state_dict())
    torch.manual_seed(0)
    images = torch.randn(4, 3, 16, 16)
    for seed in range(3):
        network = space.network(space.sample(np.random.default_rng(seed)))
        torch.testing.assert_close(shared(images, network), alone(images, network), rtol=1e-3, atol=1e-4)


def test_fewer_channels_are_the_first_ones():
    torch.manual_seed(0)
    images = torch.randn(4, 2, 5, 5)
    plain = nn.BatchNorm2d(2)
    shared = SharedBatchNorm(nn.BatchNorm2d(3), OneOfOne(Share(0, 1)))
    torch.testing.assert_close(shared(images), plain(images))
    torch.testing.assert_close(shared.running_mean[:2], plain.running_mean)
    assert shared.running_mean[2] == 0
