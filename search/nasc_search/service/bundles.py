"""A prepared sub-network and a cut to two bundles under one contract."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from nasc_sdk.bundle import Bundle, Manifest, Side, sha256
from nasc_sdk.candidate import Candidate
from nasc_sdk.contract import Contract
from nasc_search.data.dataset import Dataset
from nasc_search.export.arena import arena_bytes
from nasc_search.export.float_writer import write_float
from nasc_search.export.integer_reference import run as run_integers
from nasc_search.export.quantize import dequantize_array, quantize_array
from nasc_search.export.writer import write_int8
from nasc_search.service.target import Target
from nasc_search.service.workshop import Prepared
from nasc_search.supernet.fold import FoldedNetwork

_LOGIT_TOLERANCE = 1e-3


def contract_of(prepared: Prepared, cut: int) -> Contract:
    """What crosses this cut of this network."""
    at_cut = prepared.quantized.at_cut(cut)
    return Contract(cut, prepared.network.cut_spec(cut), at_cut.scale, at_cut.zero_point, prepared.version)


def make_bundles(
    prepared: Prepared, cut: int, dataset: Dataset, image: NDArray[np.float32], target: Target
) -> tuple[Bundle, Bundle | None]:
    """Head and tail; no tail at the last cut, and a head without a model at cut 0.

    ``image`` is one normalised image (1, C, H, W): the golden input.
    """
    network, quantized = prepared.network, prepared.quantized
    last = network.cuts[-1]
    stored = quantize_array(np.ascontiguousarray(image.transpose(0, 2, 3, 1)), quantized.input)
    model, at_cut, arena = b"", stored, 0
    if cut:
        head = quantized.head(cut)
        model, arena = write_int8(head, target.form), arena_bytes(head, target.form)
        at_cut = run_integers(head, stored, target.form, target.kernels)
    contract = contract_of(prepared, cut)

    def bundle(side: Side, model: bytes, given: bytes, wanted: bytes, tolerance: float) -> Bundle:
        is_head = side is Side.HEAD
        manifest = Manifest(
            side=side,
            contract=contract,
            candidate=Candidate(network.arch, cut, contract.encoding),
            cuts=last,
            input_shape=network.input,
            input_quantization=quantized.input,
            mean=dataset.mean,
            std=dataset.std,
            classes=network.output.channels,
            model_bytes=len(model),
            model_sha256=sha256(model),
            golden_input_bytes=len(given),
            golden_input_sha256=sha256(given),
            golden_output_bytes=len(wanted),
            golden_output_sha256=sha256(wanted),
            golden_tolerance=tolerance,
            output_quantization=quantized.at_cut(cut) if is_head else None,
            arena_bytes=arena if is_head else 0,
            flash_bytes=len(model) if is_head else 0,
        )
        return Bundle(manifest, model, given, wanted)

    golden = at_cut.tobytes() if cut else b""
    head_bundle = bundle(Side.HEAD, model, stored.tobytes(), golden, float(target.tolerance_steps))
    if cut == last:
        return head_bundle, None
    tail = network.tail(cut)
    real = dequantize_array(at_cut, quantized.at_cut(cut)).reshape(1, *_nhwc(prepared, cut))
    logits = FoldedNetwork(tail, prepared.folded.weights)(torch.from_numpy(real).permute(0, 3, 1, 2))
    expected = logits.flatten().to(torch.float32).numpy().astype("<f4")
    tolerance = _LOGIT_TOLERANCE * max(1.0, float(np.abs(expected).max()))
    served = write_float(tail, prepared.folded.weights)
    return head_bundle, bundle(Side.TAIL, served, at_cut.tobytes(), expected.tobytes(), tolerance)


def _nhwc(prepared: Prepared, cut: int) -> tuple[int, int, int]:
    spec = prepared.network.cut_spec(cut)
    return spec.height, spec.width, spec.channels
