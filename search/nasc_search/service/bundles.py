"""A sub-network that is cut and encoded, to two bundles under one contract."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Final

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
_KEEP: Final = 8
"""Pairs of bundles: two of what runs, two of what may run next, and as many of another board."""


class Bundles:
    """Makes them for one dataset, and keeps the newest: what is likely to be deployed next can be made beforehand.

    Not for several threads.
    """

    def __init__(self, dataset: Dataset, image: NDArray[np.float32]) -> None:
        self._dataset, self._image = dataset, image
        self._made: OrderedDict[tuple[str, Target], tuple[Bundle, Bundle | None]] = OrderedDict()

    def of(self, encoded: EncodedNetwork, target: Target) -> tuple[Bundle, Bundle | None]:
        """As :func:`make_bundles`."""
        # The contract tells architecture, weights, cut and encoding.
        key = encoded.contract.id, target
        if key not in self._made:
            self._made[key] = make_bundles(encoded, self._dataset, self._image, target)
            while len(self._made) > _KEEP:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


def make_bundles(
    encoded: EncodedNetwork, dataset: Dataset, image: NDArray[np.float32], target: Target
) -> tuple[Bundle, Bundle | None]:
    """Head and tail; no tail at the last cut, and a head without a model at cut 0.

    ``image`` is one normalised image (1, C, H, W): the golden input.
    """
    head, made = _head(encoded, dataset, image, target)
    if encoded.cut == encoded.last:
        assert encoded.contract.encoding == INT8
        return head, None
    return head, _tail(encoded, dataset, made)


def _head(
    encoded: EncodedNetwork, dataset: Dataset, image: NDArray[np.float32], target: Target
) -> tuple[Bundle, NDArray[np.int8]]:
    """With what it makes of the image, before that is encoded."""
    quantized = encoded.quantized
    stored = quantize_array(np.ascontiguousarray(image.transpose(0, 2, 3, 1)), quantized.input)
    model, golden, made, arena = b"", b"", stored, 0
    if encoded.cut:
        head = quantized.head(encoded.place)
        model, arena = write_int8(head, target.form), arena_bytes(head, target.form)
        made = run_integers(head, stored, target.form, target.kernels)
        golden = made.tobytes()
    # Another runtime's head may be off by so many steps: all of it counts in the head's own steps, before encoding.
    bundle = _bundle(encoded, dataset, Side.HEAD, model, stored.tobytes(), golden, float(target.tolerance_steps))
    manifest = replace(bundle.manifest, output_quantization=encoded.made, arena_bytes=arena, flash_bytes=len(model))
    return replace(bundle, manifest=manifest), made


def _tail(encoded: EncodedNetwork, dataset: Dataset, made: NDArray[np.int8]) -> Bundle:
    """``made`` is what the head makes of the golden input."""
    payload = CutEncoder(encoded.contract, encoded.made)(made)
    real = CutCodec(encoded.contract).decode(payload, 1)
    tail, weights = encoded.network.tail(encoded.place), encoded.folded.weights
    logits = FoldedNetwork(tail, weights)(torch.from_numpy(real).permute(0, 3, 1, 2))
    expected = logits.flatten().to(torch.float32).numpy().astype("<f4")
    tolerance = _LOGIT_TOLERANCE * max(1.0, float(np.abs(expected).max()))
    model = write_float(tail, weights)
    return _bundle(encoded, dataset, Side.TAIL, model, payload, expected.tobytes(), tolerance)


def _bundle(
    encoded: EncodedNetwork, dataset: Dataset, side: Side, model: bytes, given: bytes, wanted: bytes, tolerance: float
) -> Bundle:
    """What both sides say of themselves; ``given`` and ``wanted`` are the golden input and output."""
    manifest = Manifest(
        side=side,
        contract=encoded.contract,
        candidate=Candidate(encoded.network.arch, encoded.cut, encoded.contract.encoding),
        cuts=encoded.last,
        input_shape=encoded.network.input,
        input_quantization=encoded.quantized.input,
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
    )
    return Bundle(manifest, model, given, wanted)
