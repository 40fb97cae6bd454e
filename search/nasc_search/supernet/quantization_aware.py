"""Training that knows of int8: every tensor and weight is rounded as the exporter will round it.

Fake quantization with the straight-through estimator (Jacob et al. 2018, arXiv 1712.05877, section 3): the forward
pass sees the values that integers can hold, in the scheme of :mod:`nasc_search.export.quantize`; gradients pass as if
nothing had been rounded, except where a value was clipped. Batch norm is folded into the weights with the statistics
of the batch before they are rounded, which is what the exporter does with those of the calibration images.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from nasc_sdk.bundle import Quantization
from nasc_sdk.ir.network import INPUT, Op
from nasc_search.data.batches import draw_batch
from nasc_search.data.dataset import Dataset, Split
from nasc_search.export.quantize import QuantizedNetwork, TensorKey, quantize
from nasc_search.supernet.fold import EPSILON, FoldedNetwork
from nasc_search.supernet.forward import WeightedOp, convolve, run_op
from nasc_search.supernet.interrupt import deferred_interrupt
from nasc_search.supernet.loss import Teacher, loss_of
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.pace import Pace, StepReport
from nasc_search.supernet.retrain import FineTuned, accuracy_of, folded
from nasc_search.supernet.schedule import learning_rate
from nasc_search.supernet.step import CLIP_NORM, optimizer_of

TOLERATED_LOSS: Final = 0.005
"""Accuracy that int8 may cost without being trained for, 0..1."""
RANGE_IMAGES: Final = 256
_RANGES_EVERY: Final = 50
_LOWEST, _HIGHEST = -128, 127
_MIN_SCALE: Final = 1e-8


def harden(
    tuned: FineTuned,
    dataset: Dataset,
    options: TrainOptions,
    teacher: Teacher | None = None,
    *,
    report: Callable[[StepReport], None] = lambda step: None,
) -> FineTuned:
    """Train for int8 where it costs more than 0.5 points of accuracy without; else, or without gain, as given.

    ``options`` say how long and how fast; without a teacher the network's own float answers are what is learnt. The
    result's ``int8_accuracy`` is filled in in any case. KeyboardInterrupt ends it between steps, nothing kept.
    """
    before = int8_accuracy(tuned.network, dataset, dataset.validation)
    tuned = replace(tuned, int8_accuracy=before)
    if tuned.accuracy_after - before <= TOLERATED_LOSS:
        return tuned
    arch = tuned.network.network.arch
    own = _trained(tuned.supernet, arch, dataset, options, teacher or tuned.network, report)
    network = folded(own, arch, dataset)
    after = int8_accuracy(network, dataset, dataset.validation)
    if after <= before:
        return tuned
    accuracy = accuracy_of(network, dataset, dataset.validation)
    return replace(tuned, network=network, supernet=own, accuracy_after=accuracy, int8_accuracy=after)


def int8_accuracy(network: FoldedNetwork, dataset: Dataset, split: Split, batch: int = 500) -> float:
    """Share of correct answers, 0..1, of the network as the exporter quantizes it, all of it in int8."""
    quantized = _quantized(network, dataset)
    hits = 0
    for start in range(0, len(split), batch):
        images = torch.from_numpy(dataset.normalise(split.images[start : start + batch]))
        logits = simulate(quantized, images).flatten(1)
        hits += int((logits.argmax(1).numpy() == split.labels[start : start + batch]).sum())
    return hits / len(split)


@torch.inference_mode()
def simulate(quantized: QuantizedNetwork, images: torch.Tensor) -> torch.Tensor:
    """What the integers of a quantized network stand for, computed in floats: logits (n, classes)."""
    scales = {tensor: params.scale for tensor, params in quantized.tensors.items()}

    def weighted(block: str, op: Op, source: torch.Tensor) -> torch.Tensor:
        layer = quantized.layers[block, op.output]
        scale = torch.from_numpy(layer.scales)
        weight = torch.from_numpy(layer.weight).float() * scale.view(-1, *(1,) * (layer.weight.ndim - 1))
        bias = torch.from_numpy(layer.bias).float() * scale * scales[block, op.inputs[0]]
        return convolve(op, source, weight, bias)

    return _run(quantized, images.contiguous(memory_format=torch.channels_last), weighted)


def _run(
    quantized: QuantizedNetwork, x: torch.Tensor, weighted: Callable[[str, Op, torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """The forward pass with every tensor rounded to what its int8 parameters can hold."""
    first = quantized.network.blocks[0]
    x = _rounded(x, quantized.tensors[first.name, INPUT])
    for block in quantized.network.blocks:
        values = {INPUT: x}
        of_block: WeightedOp = lambda op, source, name=block.name: weighted(name, op, source)  # type: ignore[misc] # noqa: E731
        for op in block.ops:
            values[op.output] = _rounded(run_op(op, values, of_block), quantized.tensors[block.name, op.output])
        x = values[block.output]
    return x


def _rounded(x: torch.Tensor, to: Quantization) -> torch.Tensor:
    return torch.fake_quantize_per_tensor_affine(x, to.scale, to.zero_point, _LOWEST, _HIGHEST)


def _trained(
    supernet: Supernet,
    arch: str,
    dataset: Dataset,
    options: TrainOptions,
    teacher: Teacher,
    report: Callable[[StepReport], None],
) -> Supernet:
    """A copy of the supernet in which ``arch`` has learnt to live with int8."""
    assert dataset.train is not None
    own = copy.deepcopy(supernet)
    optimizer = optimizer_of(own)
    quantized = _quantized(folded(own, arch, dataset), dataset)
    pace = Pace(options.steps, options.batch, report)
    with deferred_interrupt() as interrupted:
        for step in range(options.steps):
            if step and step % _RANGES_EVERY == 0:
                quantized = _quantized(folded(own, arch, dataset), dataset)
            rng = np.random.default_rng((options.seed, step))
            drawn, known = draw_batch(dataset, dataset.train, options.batch, options.augmentations, rng)
            images, labels = torch.from_numpy(drawn).permute(0, 3, 1, 2), torch.from_numpy(known)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, options)
            optimizer.zero_grad(set_to_none=True)
            logits = _run(quantized, images, lambda _, op, source: _folded_and_rounded(own, op, source))
            taught = teacher(images).clone()
            loss = loss_of(logits, labels, options.label_smoothing, taught, options.distillation)
            loss.backward()  # type: ignore[no-untyped-call] # torch types it so
            torch.nn.utils.clip_grad_norm_([p for p in own.parameters() if p.grad is not None], CLIP_NORM)
            optimizer.step()
            pace.tell(step + 1, loss.detach())
            if interrupted():
                raise KeyboardInterrupt
    return own


def _folded_and_rounded(supernet: Supernet, op: Op, source: torch.Tensor) -> torch.Tensor:
    """The operator with batch norm folded by the batch's statistics, weights symmetric per channel in -127..127."""
    layer = supernet.layer(op.param)
    weight, bias, affine = layer.weight_of(op, source.shape[1]), layer.bias_of(op), layer.affine_of(op)
    if affine is not None:
        variance, mean = torch.var_mean(convolve(op, source, weight, None), (0, 2, 3), correction=0)
        gain = affine[0] * torch.rsqrt(variance + EPSILON)
        weight, bias = weight * gain[:, None, None, None], affine[1] - mean * gain
    largest = weight.detach().abs().flatten(1).amax(1)
    scales = (largest / _HIGHEST).clamp_min(_MIN_SCALE)
    zeros = torch.zeros(len(scales), dtype=torch.int32)
    rounded = torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -_HIGHEST, _HIGHEST)
    return convolve(op, source, rounded, bias)


def _quantized(network: FoldedNetwork, dataset: Dataset) -> QuantizedNetwork:
    """As the exporter makes it of the calibration images."""
    images = torch.from_numpy(dataset.normalise(dataset.calibration.images[:RANGE_IMAGES]))
    ranges: Mapping[TensorKey, tuple[float, float]] = network.ranges(images)
    return quantize(network.network, network.weights, ranges)
