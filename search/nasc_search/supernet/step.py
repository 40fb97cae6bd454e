"""One training step: a batch, the sub-networks that see it, the loss, the update.

The batch, its augmentation and the sub-networks of step ``i`` are drawn from a generator seeded by (seed, i), so a
resumed run, or one that shares its batches with other processes, sees what a single uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Network
from nasc_search.data.batches import draw_batch
from nasc_search.data.dataset import Dataset
from nasc_search.supernet.forward import Crossing
from nasc_search.supernet.loss import Teacher, loss_of
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import SamplingRule, TrainOptions
from nasc_search.supernet.parallel import Replica
from nasc_search.supernet.rules import draw
from nasc_search.supernet.schedule import learning_rate

WEIGHT_DECAY: Final = 5e-4
MOMENTUM: Final = 0.9
CLIP_NORM: Final = 5.0


@dataclass(frozen=True, slots=True)
class Route:
    """What images pass in a forward pass of a step."""

    network: Network
    crossing: Crossing | None = None
    """What is done to them where the network is cut."""


def optimizer_of(supernet: Supernet) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum; the learning rate is set at every step."""
    return torch.optim.SGD(
        supernet.parameters(), lr=0.0, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )


def take_step(
    supernet: Supernet,
    optimizer: torch.optim.Optimizer,
    dataset: Dataset,
    options: TrainOptions,
    step: int,
    routes: Sequence[Route] = (),
    *,
    teacher: Teacher | None = None,
    replica: Replica | None = None,
) -> torch.Tensor:
    """One batch through ``routes``, or through the sub-networks drawn for this step; the mean of their losses.

    With ``replica``, the supernet's in a group of processes, each takes its share of the batch; loss and gradients are
    those of the whole.
    Raises InputError when loss or gradients are no numbers; the weights are then those of the step before.
    """
    assert dataset.train is not None
    replica = replica or Replica(supernet)
    group = replica.group
    rng = np.random.default_rng((options.seed, step))
    drawn, known = draw_batch(dataset, dataset.train, options.batch, options.augmentations, rng, group.share)
    # Images come as NHWC: seen as NCHW they are channels_last without a copy.
    images, labels = torch.from_numpy(drawn).permute(0, 3, 1, 2), torch.from_numpy(known)
    if not routes:
        routes = [Route(network) for network in draw(supernet.space, options.rule, step, options.steps, rng)]
    for parameters in optimizer.param_groups:
        parameters["lr"] = learning_rate(step, options)
    optimizer.zero_grad(set_to_none=True)
    loss = group.mean(_backward(replica, routes, images, labels, options, teacher))
    active = [parameter for parameter in supernet.parameters() if parameter.grad is not None]
    # Checked before the weights are touched: what is saved afterwards is still of use.
    if not torch.isfinite(torch.nn.utils.clip_grad_norm_(active, CLIP_NORM)):
        raise diverged(step, float(loss))
    optimizer.step()
    return loss


def diverged(step: int, loss: float) -> InputError:
    """Loss or gradients are no numbers."""
    return InputError(f"training diverged at step {step} (loss {loss:.3g}); use a lower learning rate")


def _backward(
    replica: Replica,
    routes: Sequence[Route],
    images: torch.Tensor,
    labels: torch.Tensor,
    options: TrainOptions,
    teacher: Teacher | None,
) -> torch.Tensor:
    """Gradients of the mean loss over the routes, added up in the parameters; that loss."""
    total = torch.zeros(())
    weight = options.distillation
    with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
        # A teacher answers in inference mode; what it says has to be an ordinary tensor for the loss.
        taught = None if teacher is None else teacher(images).clone()
    for index, route in enumerate(routes):
        with replica.accumulating(index < len(routes) - 1):
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
                logits = replica(images, route.network, route.crossing)
            loss = loss_of(logits, labels, options.label_smoothing, taught, weight) / len(routes)
            replica.backward(loss)
        total += loss.detach()
        if index == 0 and taught is None and options.rule is SamplingRule.SANDWICH:
            # In-place distillation (Yu & Huang 2019, section 3.2): the largest's answers are the others' only target.
            taught, weight = logits.detach(), 1.0
    return total
