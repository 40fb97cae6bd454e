"""From a catalogue, two cost models and accuracies to the candidate table."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from nasc_sdk.candidate import INT8, CutEncoding, Entropy
from nasc_sdk.cost.coding import COMPRESS, EXPAND, PACK, UNPACK, Step, StepTime, is_coding_measured, time_of
from nasc_sdk.cost.features import block_key
from nasc_sdk.cost.model import CostModel, Prediction, predict_blocks, predict_prefixes, spread_us
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Block, TensorSpec
from nasc_search.encodings.blocks import decoder_block, encoder_block, fits
from nasc_search.joint.catalogue import Catalogue
from nasc_search.joint.coding import Coding, Line
from nasc_search.joint.memory import activation_bytes, model_bytes
from nasc_search.joint.table import Array, CandidateTable, Overheads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nasc_search.encodings.shares import Shares

_US_PER_MS: Final = 1000.0

OVERHEADS: Final = Overheads(encode_ms=0.12, decode_ms=0.08, reply_ms=0.05)
"""What profiles do not hold: Python around a request, measured on an x86-64 machine; small beside any real link.
What deployed candidates take replaces it."""


def build_table(
    catalogue: Catalogue,
    board: CostModel,
    edge: CostModel,
    accuracy: Array,
    encodings: tuple[CutEncoding, ...] = (INT8,),
    overheads: Overheads | None = None,
    shares: Shares | None = None,
) -> CandidateTable:
    """The table of a catalogue's candidates.

    ``accuracy`` is ``[A, K, E]`` in 0..1, in ``catalogue.archs`` order, or ``[A]`` where no encoding loses any.
    ``shares`` are what entropy coding leaves of each cut; where nothing is known, it is taken to gain nothing.
    """
    head_blocks = predict_blocks(board, catalogue.block_keys)
    tail_blocks = predict_blocks(edge, catalogue.block_keys)
    head = predict_prefixes(board, head_blocks, catalogue.block_of)
    backwards = predict_prefixes(edge, tail_blocks, catalogue.block_of[:, ::-1])
    tail = Prediction(backwards.us[:, ::-1], backwards.error_us[:, ::-1])
    specs, last = catalogue.cut_specs, catalogue.cuts - 1
    legal = np.asarray([[fits(code, cut, last, spec) for code in encodings] for cut, spec in enumerate(specs)])
    shape = (len(catalogue.archs), catalogue.cuts, len(encodings))
    if accuracy.shape not in (shape, shape[:1]):
        raise InputError(f"accuracies {accuracy.shape} are neither of {shape[0]} architectures nor {shape}")
    return CandidateTable(
        archs=catalogue.archs,
        encodings=encodings,
        accuracy=np.broadcast_to(accuracy[:, None, None] if accuracy.ndim == 1 else accuracy, shape).copy(),
        evaluated=np.zeros(shape, bool),
        head_ms=head.us / _US_PER_MS,
        head_sd_ms=spread_us(board, head) / _US_PER_MS,
        tail_ms=np.ascontiguousarray(tail.us) / _US_PER_MS,
        tail_sd_ms=np.ascontiguousarray(spread_us(edge, tail)) / _US_PER_MS,
        payload_bytes=_payload(specs, encodings, shares or {}),
        legal=legal,
        arena_bytes=catalogue.arena_bytes,
        flash_bytes=catalogue.flash_bytes,
        coding=_coding(specs, encodings, legal, board, edge),
        overheads=overheads or Overheads(),
        extrapolated=tuple(sorted({*head_blocks.extrapolated, *tail_blocks.extrapolated})),
    )


def _payload(
    specs: tuple[TensorSpec, ...], encodings: tuple[CutEncoding, ...], shares: Shares
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    def size(cut: int, spec: TensorSpec, code: CutEncoding) -> float:
        return shares.get((cut, code), 1.0) * code.payload_bytes(spec)

    return np.ceil([[size(cut, spec, code) for code in encodings] for cut, spec in enumerate(specs)]).astype(np.int64)


def _coding(
    specs: tuple[TensorSpec, ...], encodings: tuple[CutEncoding, ...],
    legal: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], board: CostModel, edge: CostModel,
) -> Coding:  # fmt: skip
    assumed = tuple(model.device for model in (board, edge) if not is_coding_measured(model.coding))
    coding = replace(Coding.none(*legal.shape), assumed=assumed)
    sides = (
        (board, PACK, COMPRESS, encoder_block, coding.head_ms, coding.head_sd_ms),
        (edge, UNPACK, EXPAND, decoder_block, coding.tail_ms, coding.tail_sd_ms),
    )
    for model, packing, coding_step, make, median_ms, sd_ms in sides:
        coder_us = _coders_us(model, specs, encodings, legal, make)
        for cut, at in zip(*np.nonzero(legal), strict=True):
            spec, code = specs[cut], encodings[at]
            step = None if code.entropy is Entropy.NONE else coding_step[code.entropy]
            parts = [*_steps_us(model, packing, step, spec, code), coder_us.get((cut, code.bottleneck), (0.0, 0.0))]
            median_ms[cut, at] = sum(us for us, _ in parts) / _US_PER_MS
            sd_ms[cut, at] = math.hypot(*(sd for _, sd in parts)) / _US_PER_MS
    for cut, at in zip(*np.nonzero(legal), strict=True):
        if channels := encodings[at].bottleneck:
            encoder = encoder_block(int(cut), specs[cut], channels)
            coding.arena_bytes[cut, at], coding.flash_bytes[cut, at] = activation_bytes(encoder), model_bytes(encoder)
    measured = next((time for time in board.coding if time.step is Step.LINE), None)
    return coding if measured is None else _over_line(coding, measured, specs, encodings, legal)


def _over_line(
    coding: Coding, measured: StepTime, specs: tuple[TensorSpec, ...], encodings: tuple[CutEncoding, ...],
    legal: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> Coding:  # fmt: skip
    """With the input to the board and the head's output back, which is int8 until the bridge packs it."""
    line = Line(*np.zeros((2, *legal.shape)))
    for cut, at in zip(*np.nonzero(legal), strict=True):
        if cut:
            size = specs[0].elements + replace(encodings[at], bits=INT8.bits).payload_bytes(specs[cut])
            line.ms[cut, at] = measured.us(size) / _US_PER_MS
            line.sd_ms[cut, at] = measured.spread_us(size) / _US_PER_MS
    head_sd_ms = np.hypot(coding.head_sd_ms, line.sd_ms)
    return replace(coding, head_ms=coding.head_ms + line.ms, head_sd_ms=head_sd_ms, line=line)


def _steps_us(
    model: CostModel, packing: Mapping[int, Step], coding: Step | None, spec: TensorSpec, code: CutEncoding
) -> Iterator[tuple[float, float]]:
    """Median and standard deviation of packing and entropy coding, or of the way back.

    Packing counts with what it takes beyond int8: that is among the overheads of every request.
    """
    if code.bits != INT8.bits:
        values = spec.height * spec.width * (code.bottleneck or spec.channels)
        plain, packed = (time_of(model.coding, packing[bits]) for bits in (INT8.bits, code.bits))
        yield max(packed.us(values) - plain.us(values), 0.0), packed.spread_us(values)
    if coding is not None:
        measured, size = time_of(model.coding, coding), code.payload_bytes(spec)
        yield measured.us(size), measured.spread_us(size)


def _coders_us(
    model: CostModel, specs: tuple[TensorSpec, ...], encodings: tuple[CutEncoding, ...],
    legal: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], make: Callable[[int, TensorSpec, int], Block],
) -> dict[tuple[int, int], tuple[float, float]]:  # fmt: skip
    """Median and standard deviation by cut and channels; all at once, for each prediction weighs all operators."""
    every = zip(*(places.tolist() for places in np.nonzero(legal)), strict=True)
    places = sorted({(cut, encodings[at].bottleneck) for cut, at in every if encodings[at].bottleneck})
    keys = [block_key(make(cut, specs[cut], channels)) for cut, channels in places]
    if not keys:
        return {}
    found = predict_blocks(model, keys)
    alone = Prediction(found.us, np.hypot(found.error_us, model.residual * found.us))
    each = zip(found.us.tolist(), spread_us(model, alone).tolist(), strict=True)
    return dict(zip(places, each, strict=True))
