"""Data-parallel training over processes and machines, started by torchrun: torch's DistributedDataParallel over gloo.

Every process draws the same step (batch, augmentation, sub-networks) and works on its equal share of the images; DDP
averages the gradients, finding the parameters that the step's sub-networks do not use. Batch norm uses the statistics
of the whole batch (torch's SyncBatchNorm needs a GPU), so the loss curve is the one of a single process at the same
batch, up to the rounding of float32 sums.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from nasc_sdk.errors import InputError, NascError, UnreachableError
from nasc_search.data.batches import WHOLE, Share
from nasc_search.supernet.norm import PartialBatchNorm

TIMEOUT: Final = timedelta(minutes=5)
_VARIABLES: Final = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of one training; a single one is a group as well, for which nothing is sent.

    Every method is to be called by all processes; UnreachableError when one of them is gone.
    """

    share: Share = WHOLE

    @property
    def is_first(self) -> bool:
        """Whether this process saves and reports."""
        return self.share.rank == 0

    def mean(self, tensor: torch.Tensor) -> torch.Tensor:
        """Over the processes."""
        return tensor if self.share.size == 1 else self.sum(tensor.clone()) / self.share.size

    def any(self, asked: bool) -> bool:
        """Whether any process asks, known to all of them."""
        if self.share.size == 1:
            return asked
        return bool(self.sum(torch.tensor(float(asked))))

    def from_first(self, make: Callable[[], T]) -> T:
        """What ``make`` returns in the first process, or the NascError that it raises, in all of them."""
        if self.share.size == 1:
            return make()
        told: list[Any] = [None]
        if self.is_first:
            try:
                told = [make()]
            except NascError as error:
                told = [InputError(str(error))]
        with _peers():
            dist.broadcast_object_list(told, 0)
        if isinstance(told[0], NascError):
            raise told[0]
        made: T = told[0]
        return made

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Add up over the processes, in place."""
        with _peers():
            dist.all_reduce(tensor)
        return tensor


ALONE: Final = Group()


@contextlib.contextmanager
def joined() -> Iterator[Group]:
    """The group that torchrun's environment variables describe; ALONE where there are none.

    Raises InputError for variables that make no sense, UnreachableError when the others cannot be reached.
    """
    if "WORLD_SIZE" not in os.environ:
        yield ALONE
        return
    try:
        rank, size, *_ = (os.environ[name] for name in _VARIABLES)
        group = Group(Share(int(rank), int(size)))
    except (KeyError, ValueError) as error:
        raise InputError(f"start with torchrun: {', '.join(_VARIABLES)} have to be set ({error})") from error
    if group.share.size == 1:
        yield ALONE
        return
    with _peers():
        dist.init_process_group("gloo", timeout=TIMEOUT)
    try:
        yield group
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def _peers() -> Iterator[None]:
    """A collective call that fails: gloo knows no other reasons than that a peer is gone or does not answer."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UnreachableError("another process of this training", f"it is gone or silent ({reason})") from error


class _Sum(torch.autograd.Function):
    """All-reduce that gradients flow back through: everyone's result depends on everyone's input."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, group: Group) -> torch.Tensor:
        ctx.group = group
        return group.sum(tensor.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.group.sum(gradients[0].clone()), None


class SharedBatchNorm(PartialBatchNorm):
    """Batch norm over the images of all processes; they hold equally many each.

    Fewer channels than it has are the first of them, as operators that share weights use them.
    """

    def __init__(self, norm: nn.BatchNorm2d, group: Group) -> None:
        super().__init__(norm.num_features)
        self.load_state_dict(norm.state_dict())
        self._group = group

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """As torch's in training, with mean and variance of the whole batch."""
        if not self.training:
            return super().forward(input)
        rank, size = self._group.share.rank, self._group.share.size
        own = torch.stack(torch.var_mean(input.float(), (0, 2, 3), correction=0)[::-1])
        # Each process fills its row: sums of squares, which are simpler to add, would cancel.
        rows = torch.zeros(size, *own.shape).index_copy(0, torch.tensor([rank]), own[None])
        total: torch.Tensor = _Sum.apply(rows, self._group)  # type: ignore[no-untyped-call] # torch types it so
        means, variances = total.unbind(1)
        mean = means.mean(0)
        variance = variances.mean(0) + (means - mean).square().mean(0)
        channels = input.shape[1]
        scale = self.weight[:channels] * torch.rsqrt(variance + self.eps)
        shift = self.bias[:channels] - mean * scale
        self._remember(mean.detach(), variance.detach(), input.numel() // channels * size)
        y = torch.addcmul(shift[:, None, None], input.float(), scale[:, None, None])
        return y.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        """Running statistics, with the unbiased variance as in torch."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean[: len(mean)].lerp_(mean, self.momentum)
        self.running_var[: len(mean)].lerp_(variance * (count / max(count - 1, 1)), self.momentum)


class Replica:
    """A module as one process of a group trains it: gradients are means over the processes once a step is done.

    Made by all processes at once; UnreachableError when one of them is gone.
    """

    def __init__(self, module: nn.Module, group: Group = ALONE) -> None:
        self.group, self._module = group, module
        self._parallel: DistributedDataParallel | None = None
        if group.share.size > 1:
            share_batch_norm(module, group)
            with _peers():
                self._parallel = DistributedDataParallel(module, find_unused_parameters=True)
            # Batch norm keeps its statistics alike by itself.
            self._parallel.broadcast_buffers = False

    def __call__(self, *inputs: Any) -> torch.Tensor:
        """The module's forward pass."""
        output: torch.Tensor = (self._parallel or self._module)(*inputs)
        return output

    def accumulating(self, wanted: bool) -> contextlib.AbstractContextManager[None]:
        """Around a forward and a backward pass that others of the same step follow: nothing is sent yet."""
        if self._parallel is None or not wanted:
            return contextlib.nullcontext()
        return self._parallel.no_sync()

    def backward(self, loss: torch.Tensor) -> None:
        """Add up gradients; outside of :meth:`accumulating`, they become those of all processes."""
        with contextlib.nullcontext() if self._parallel is None else _peers():
            loss.backward()  # type: ignore[no-untyped-call] # torch types it so


def share_batch_norm(module: nn.Module, group: Group) -> None:
    """Let every batch norm of the module see the whole batch; names and values of its state stay."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, SharedBatchNorm(child, group))
