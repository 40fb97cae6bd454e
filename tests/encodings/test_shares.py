"""Shares that entropy coding leaves are those of real payloads."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from nasc_sdk import zstd
from nasc_sdk.agent.quantize import CutEncoder
from nasc_sdk.candidate import Candidate, CutEncoding, Entropy
from nasc_sdk.entropy import ZLIB_LEVEL, known_codings
from nasc_search.encodings.blocks import ENCODINGS, fits
from nasc_search.encodings.shares import measure_shares, narrowed_cuts, packed_cuts
from nasc_search.export.quantize import quantize_array
from nasc_search.supernet.model import Supernet
from tests.service.shops import shop
from tests.supernet.tasks import DENSE_CELL, SPACE, images

NETWORK = SPACE.network(DENSE_CELL)
LAST = NETWORK.cuts[-1]
SHOWN = images(20)


def coded(cut, **of):
    return [(cut, CutEncoding(entropy=coding, **of)) for coding in (Entropy.ZLIB, Entropy.ZSTD)]


def test_every_cut_that_sends_something_is_measured():
    prepared = shop().prepare(DENSE_CELL)
    shares = measure_shares(packed_cuts(prepared.folded, prepared.quantized, SHOWN), known_codings())
    places = [(0, 8), *((cut, bits) for cut in range(1, LAST) for bits in (8, 4, 2))]
    assert set(shares) == {key for cut, bits in places for key in coded(cut, bits=bits)}
    inputs = prepared.folded.block_inputs(SHOWN)[prepared.network.blocks[2].name]
    sent = [quantize_array(sample, prepared.quantized.at_cut(2)).tobytes() for sample in inputs]
    deflated = [len(zlib.compress(data, ZLIB_LEVEL)) / len(data) for data in sent]
    by_zlib, by_zstd = coded(2, bits=8)
    assert shares[by_zlib] == np.percentile(deflated, 95)
    assert shares[by_zstd] == np.percentile([len(zstd.compress(data)) / len(data) for data in sent], 95)


def test_behind_encoders_it_is_what_a_board_would_send():
    """Measured behind the encoder alone; a board's head is the whole network up to it, calibrated as a whole."""
    prepared, data = shop().prepare(DENSE_CELL), shop().dataset
    shown = torch.from_numpy(data.normalise(data.calibration.images))
    found = {(packed.cut, packed.encoding): packed for packed in narrowed_cuts(shop().supernet, prepared.folded, shown)}
    assert set(found) == {
        (cut, replace(code, entropy=Entropy.NONE))
        for cut in range(1, LAST)
        for code in ENCODINGS
        if code.bottleneck and fits(code, cut, LAST, NETWORK.cut_spec(cut))
    }
    for (cut, code), packed in found.items():
        encoded = shop().encode(Candidate(DENSE_CELL, cut, code))
        values = encoded.folded.block_inputs(shown)[encoded.network.blocks[encoded.place].name]
        encoder = CutEncoder(encoded.contract, encoded.made)
        sent = [encoder(sample[None]) for sample in quantize_array(values, encoded.made)]
        assert list(map(len, packed.payloads)) == list(map(len, sent))
        alone, whole = (np.mean([len(zlib.compress(one)) for one in every]) for every in (packed.payloads, sent))
        assert alone == pytest.approx(whole, rel=0.02)


def test_a_supernet_without_encoders_has_no_narrow_cuts():
    assert not list(narrowed_cuts(Supernet(SPACE, 4), shop().prepare(DENSE_CELL).folded, SHOWN))
