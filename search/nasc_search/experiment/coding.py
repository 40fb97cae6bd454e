"""What may cross each cut, what it weighs, and what it is assumed to cost in accuracy and time.

The losses are a table of plain data, ``coding.json``: figures measured on Fashion-MNIST with networks of this space
at 28x28 (their origin is in each row), to be replaced by those of the user's own supernet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np

from nasc_sdk.candidate import BITS, INT8, CutEncoding, Entropy
from nasc_sdk.cost.coding import ASSUMED, Step
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.experiment.anatomy import IMAGE, Anatomy, Array
from nasc_search.measured.archive import read_bounded

BOARD_FACTOR: Final = 8.0
"""Assumed: packing and deflating, measured on an x86-64 machine, take a board so many times longer."""
_US_PER_MS: Final = 1000.0

Stage = Literal["stem", "early", "middle", "late"]


@dataclass(frozen=True, slots=True)
class CodingRow:
    """One form of encoding in one stage."""

    stage: Stage
    kept: float
    """Least share of the channels that cross; 1 without a bottleneck."""
    bits: int
    points_lost: float
    origin: str
    """Where the figure is from."""


@dataclass(frozen=True, slots=True)
class CodingTable:
    """Losses by stage and form."""

    note: str
    rows: tuple[CodingRow, ...]

    @property
    def forms(self) -> tuple[tuple[float, int], ...]:
        """(kept, bits) of all rows, the plain one first."""
        plain = (1.0, INT8.bits)
        return (plain, *sorted({(row.kept, row.bits) for row in self.rows} - {plain}, reverse=True))


@dataclass(frozen=True, slots=True)
class Coding:
    """What each form of encoding does at each cut: [K, E]; where it does not exist its loss is infinite."""

    encodings: tuple[tuple[CutEncoding, ...], ...]
    """[K][E]"""
    points_lost: Array
    payload_bytes: Array
    board_ms: Array
    server_ms: Array

    def only_plain(self) -> Coding:
        """The same without encodings: int8 maps, the compressed image, or nothing."""
        lost = self.points_lost.copy()
        lost[:, 1:] = np.inf
        return Coding(self.encodings, lost, self.payload_bytes, self.board_ms, self.server_ms)


def load_coding(path: Path | None = None) -> CodingTable:
    """The table of a JSON file, or the shipped one; raises InputError for what is no such table."""
    where = str(path) if path else "the shipped table"
    data = read_bounded(path) if path else files("nasc_search.experiment").joinpath("coding.json").read_bytes()
    try:
        table = msgspec.json.decode(data, type=CodingTable)
    except msgspec.DecodeError as error:
        raise InputError(
            f"{where} is no table of losses ({error}); take coding.json of nasc_search.experiment as the pattern"
        ) from error
    for number, row in enumerate(table.rows):
        if not (0 < row.kept <= 1 and row.bits in BITS and 0 <= row.points_lost <= 100):
            raise InputError(f"{where}, row {number}: kept is in 0..1, bits one of {BITS}, points_lost in 0..100")
    seen = {(row.stage, row.kept, row.bits) for row in table.rows}
    if len(seen) != len(table.rows):
        raise InputError(f"{where} names a stage, share and bits twice; keep one row of each")
    return table


def stage_of(anatomy: Anatomy, cut: int) -> Stage:
    """The stage of an interior cut, by the side of its map against the image's."""
    if cut == 1:
        return "stem"
    ratio = anatomy.cuts[cut].height / IMAGE.height
    return "early" if ratio > 1 / 2 else "middle" if ratio > 1 / 4 else "late"


def code_cuts(
    anatomy: Anatomy, table: CodingTable, raw_bytes: int, raw_ratio: float, board_ms_per_mac: float,
    server_ms_per_mac: float, loss_scale: float = 1.0,
) -> Coding:  # fmt: skip
    """The forms of a table at every cut of a space.

    Cut 0 sends an image of ``raw_bytes`` compressed to ``raw_ratio``; the last cut sends nothing. A bottleneck is a
    1x1 convolution on each side, at the device's own time for a multiply-accumulate.
    """
    lost = {(row.stage, row.kept, row.bits): loss_scale * row.points_lost for row in table.rows}
    forms, last = table.forms, len(anatomy.cuts) - 1
    shape = (len(anatomy.cuts), len(forms))
    points, payload, board, server = np.full(shape, np.inf), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    encodings = []
    for cut, spec in enumerate(anatomy.cuts):
        encodings.append(tuple(_encoding(spec, kept, bits) for kept, bits in forms))
        for form, (kept, bits) in enumerate(forms if 0 < cut < last else ()):
            code = encodings[cut][form]
            # int8 maps can always be sent, also where a table says nothing of them.
            unknown = np.inf if form else 0.0
            points[cut, form] = lost.get((stage_of(anatomy, cut), kept, bits), unknown)
            payload[cut, form] = code.payload_bytes(spec)
            pack = _packing_ms(spec, code)
            macs = spec.elements * code.bottleneck
            board[cut, form] = BOARD_FACTOR * pack + macs * board_ms_per_mac
            server[cut, form] = pack + macs * server_ms_per_mac
    points[[0, last], 0] = 0.0
    payload[0, 0] = math.ceil(raw_bytes * raw_ratio)
    if raw_ratio < 1:
        board[0, 0] = BOARD_FACTOR * ASSUMED[Step.DEFLATE].us(raw_bytes) / _US_PER_MS
        encodings[0] = (CutEncoding(entropy=Entropy.ZLIB), *encodings[0][1:])
    return Coding(tuple(encodings), points, payload, board, server)


def _encoding(spec: TensorSpec, kept: float, bits: int) -> CutEncoding:
    return CutEncoding(bits, 0 if kept == 1 else math.ceil(kept * spec.channels))


def _packing_ms(spec: TensorSpec, code: CutEncoding) -> float:
    """Nothing where int8 maps are sent as they are."""
    if code == INT8:
        return 0.0
    values = spec.height * spec.width * (code.bottleneck or spec.channels)
    return ASSUMED[Step.PACK_4].us(values) / _US_PER_MS


