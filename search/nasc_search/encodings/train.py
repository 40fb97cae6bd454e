"""Trains encoders and decoders beside a supernet: each step draws an architecture, a cut, a width and a number of bits.

What is taught is the sub-network's own answer without the encoding (distillation, Hinton et al. 2015, arXiv
1503.02531): loss ``KL(plain || encoded) + cross entropy``. The blocks before the cut run once for both. Shared weights
stay as they are, or, with ``joint``, go on training on the plain answer's cross entropy at the same time.

Seeded as the supernet's own training is: step ``i`` draws from a generator seeded by (seed, i).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F

from nasc_sdk.candidate import Candidate, CutEncoding
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Block, Network
from nasc_search.data.batches import draw_batch
from nasc_search.data.dataset import Dataset
from nasc_search.encodings.blocks import BOTTLENECKS, bottleneck_codes, decoder_block, encoder_block, fits
from nasc_search.encodings.codes import CodedCut
from nasc_search.supernet.interrupt import deferred_interrupt
from nasc_search.supernet.model import Supernet, is_coder
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.pace import Pace, StepReport
from nasc_search.supernet.schedule import learning_rate
from nasc_search.supernet.step import CLIP_NORM, MOMENTUM

ENCODER_SEED: Final = 1 << 20
"""Apart from the seeds of the supernet's own steps: its batches are not repeated."""
_BITS: Final = (4, 2)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What one step trains."""

    network: Network
    cut: int
    channels: int
    bits: int


def train_encoders(
    supernet: Supernet,
    dataset: Dataset,
    options: TrainOptions,
    report: Callable[[StepReport], None],
    *,
    arch: str = "",
    joint: bool = False,
) -> None:
    """Train in place for ``options.steps``; with ``arch`` for that architecture alone.

    Raises InputError when the supernet holds no encoders, or the training images are not there.
    """
    _check(supernet, dataset)
    for name, parameter in supernet.named_parameters():
        parameter.requires_grad_(joint or is_coder(name))

    def step(at: int, optimizer: torch.optim.Optimizer) -> torch.Tensor:
        rng = np.random.default_rng((options.seed, ENCODER_SEED + at))
        images, labels = _batch(dataset, options, rng)
        drawn = _draw(supernet, rng, arch)
        return _step(supernet, supernet, optimizer, options, at, drawn, images, labels, joint=joint)

    _descend(supernet, options, report, step)


def train_for_cut(
    supernet: Supernet, dataset: Dataset, options: TrainOptions, report: Callable[[StepReport], None],
    candidate: Candidate,
) -> Supernet:  # fmt: skip
    """A copy in which encoder, decoder and all blocks after the cut are trained for one candidate alone.

    The head stays as it is, so that one head serves nothing else worse; the tail is of use with this encoding only.
    Raises InputError as :func:`train_encoders`, and for an encoding without a bottleneck.
    """
    encoding, network = candidate.encoding, supernet.space.network(candidate.arch)
    if not encoding.bottleneck:
        raise InputError(f"{candidate} has no encoder to train")
    _check(supernet, dataset)
    own = copy.deepcopy(supernet)
    drawn = _Drawn(network, candidate.cut, encoding.bottleneck, encoding.bits)
    blocks = (*_coders(drawn), *network.tail(candidate.cut).blocks)
    trained = own.state_of({op.param for block in blocks for op in block.ops if op.param})
    for name, parameter in own.named_parameters():
        parameter.requires_grad_(name in trained)
    supernet.train()

    def step(at: int, optimizer: torch.optim.Optimizer) -> torch.Tensor:
        rng = np.random.default_rng((options.seed, ENCODER_SEED + at))
        images, labels = _batch(dataset, options, rng)
        return _step(own, supernet, optimizer, options, at, drawn, images, labels, joint=False)

    try:
        _descend(own, options, report, step)
    finally:
        supernet.eval()
    return own


def _check(supernet: Supernet, dataset: Dataset) -> None:
    if not supernet.encoded:
        raise InputError("this supernet was made without encoders; train it anew, or add them with encoded=True")
    if dataset.train is None:
        raise InputError(f"only the shipped part of {dataset.name} is here; name the whole set with --data")


def _descend(
    supernet: Supernet, options: TrainOptions, report: Callable[[StepReport], None],
    step: Callable[[int, torch.optim.Optimizer], torch.Tensor],
) -> None:  # fmt: skip
    """Take all steps on the parameters that want gradients; afterwards all of them do again."""
    trained = [parameter for parameter in supernet.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.0, momentum=MOMENTUM, weight_decay=1e-4, nesterov=True)
    supernet.train()
    pace = Pace(options.steps, options.batch, report)
    try:
        with deferred_interrupt() as check_interrupt:
            for at in range(options.steps):
                pace.tell(at + 1, step(at, optimizer))
                check_interrupt()
    finally:
        supernet.requires_grad_(True)
        supernet.eval()


def _draw(supernet: Supernet, rng: np.random.Generator, arch: str) -> _Drawn:
    network = supernet.space.network(arch or supernet.space.sample(rng))
    last = network.cuts[-1]
    choices = [
        (cut, channels)
        for cut in range(1, last)
        for channels in BOTTLENECKS
        if fits(CutEncoding(bottleneck=channels), cut, last, network.cut_spec(cut))
    ]
    cut, channels = choices[int(rng.integers(len(choices)))]
    return _Drawn(network, cut, channels, _BITS[int(rng.integers(len(_BITS)))])


def _batch(
    dataset: Dataset, options: TrainOptions, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    assert dataset.train is not None
    shown, known = draw_batch(dataset, dataset.train, options.batch, options.augmentations, rng)
    return torch.from_numpy(shown).permute(0, 3, 1, 2), torch.from_numpy(known)


def _step(
    supernet: Supernet, teacher: Supernet, optimizer: torch.optim.Optimizer, options: TrainOptions, at: int,
    drawn: _Drawn, images: torch.Tensor, labels: torch.Tensor, *, joint: bool,
) -> torch.Tensor:  # fmt: skip
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(at, options)
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
        with torch.set_grad_enabled(joint):
            at_cut = teacher(images, drawn.network.head(drawn.cut))
            plain = teacher(at_cut, drawn.network.tail(drawn.cut)).float()
        encoded = _encoded(supernet, at_cut, drawn).float()
    taught = F.kl_div(encoded.log_softmax(1), plain.detach().softmax(1), reduction="batchmean")
    loss = taught + F.cross_entropy(encoded, labels)
    if joint:
        loss = loss + F.cross_entropy(plain, labels)
    loss.backward()  # type: ignore[no-untyped-call] # torch types it so
    torch.nn.utils.clip_grad_norm_([p for p in supernet.parameters() if p.grad is not None], CLIP_NORM)
    optimizer.step()
    return loss.detach()


def _coders(drawn: _Drawn) -> tuple[Block, Block]:
    spec = drawn.network.cut_spec(drawn.cut)
    return encoder_block(drawn.cut, spec, drawn.channels), decoder_block(drawn.cut, spec, drawn.channels)


def _encoded(supernet: Supernet, at_cut: torch.Tensor, drawn: _Drawn) -> torch.Tensor:
    encoder, decoder = _coders(drawn)
    blocks = (encoder, decoder, *drawn.network.blocks[drawn.cut :])
    crossing = CodedCut(encoder.name, drawn.bits, bottleneck_codes(drawn.bits))
    logits: torch.Tensor = supernet(at_cut, Network(drawn.network.arch, blocks), crossing)
    return logits
