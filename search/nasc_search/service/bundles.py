"""A sub-network that is cut and encoded, to two bundles under one contract."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from nasc_sdk.agent.quantize import CutEncoder
from nasc_sdk.bundle import Bundle, Manifest, Side, sha256
from nasc_sdk.candidate import INT8, Candidate
from nasc_sdk.codec import CutCodec
from nasc_search.data.dataset import Dataset
from nasc_search.encodings.encoded import EncodedNetwork
from nasc_search.export.arena import arena_bytes
from nasc_search.export.float_writer import write_float
from nasc_search.export.integer_reference import run as run_integers
from nasc_search.export.quantize import quantize_array
from nasc_search.export.writer import write_int8
from nasc_search.service.target import Target
from nasc_search.supernet.fold import FoldedNetwork

_LOGIT_TOLERANCE = 1e-3


def make_bundles(
    encoded: EncodedNetwork, dataset: Dataset, image: NDArray[np.float32], target: Target
) -> tuple[Bundle, Bundle | None]:
    """Head and tail; no tail at the last cut, and a head without a model at cut 0.

    ``image`` is one normalised image (1, C, H, W): the golden input.
    """
    quantized, contract = encoded.quantized, encoded.contract
    stored = quantize_array(np.ascontiguousarray(image.transpose(0, 2, 3, 1)), quantized.input)
    model, made, arena = b"", stored, 0
    if encoded.cut:
        head = quantized.head(encoded.place)
        model, arena = write_int8(head, target.form), arena_bytes(head, target.form)
        made = run_integers(head, stored, target.form, target.kernels)

    def bundle(side: Side, model: bytes, given: bytes, wanted: bytes, tolerance: float) -> Bundle:
        is_head = side is Side.HEAD
        manifest = Manifest(
            side=side,
            contract=contract,
            candidate=Candidate(encoded.network.arch, encoded.cut, contract.encoding),
            cuts=encoded.last,
            input_shape=encoded.network.input,
            input_quantization=quantized.input,
            mean=dataset.mean,
            std=dataset.std,
            classes=encoded.network.output.channels,
            model_bytes=len(model),
            model_sha256=sha256(model),
            golden_input_bytes=len(given),
            golden_input_sha256=sha256(given),
            golden_output_bytes=len(wanted),
            golden_output_sha256=sha256(wanted),
            golden_tolerance=tolerance,
            output_quantization=encoded.made if is_head else None,
            arena_bytes=arena if is_head else 0,
            flash_bytes=len(model) if is_head else 0,
        )
        return Bundle(manifest, model, given, wanted)

    golden = made.tobytes() if encoded.cut else b""
    # Another runtime's head may be off by so many steps: all of it counts in the head's own steps, before encoding.
    head_bundle = bundle(Side.HEAD, model, stored.tobytes(), golden, float(target.tolerance_steps))
    if encoded.cut == encoded.last:
        assert contract.encoding == INT8
        return head_bundle, None
    payload = CutEncoder(contract, encoded.made)(made)
    real = CutCodec(contract).decode(payload, 1)
    tail = encoded.network.tail(encoded.place)
    logits = FoldedNetwork(tail, encoded.folded.weights)(torch.from_numpy(real).permute(0, 3, 1, 2))
    expected = logits.flatten().to(torch.float32).numpy().astype("<f4")
    tolerance = _LOGIT_TOLERANCE * max(1.0, float(np.abs(expected).max()))
    served = write_float(tail, encoded.folded.weights)
    return head_bundle, bundle(Side.TAIL, served, payload, expected.tobytes(), tolerance)
