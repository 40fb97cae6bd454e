"""Shares that entropy coding leaves are those of real payloads."""

import zlib

import numpy as np

from nasc_sdk import zstd
from nasc_sdk.candidate import Entropy
from nasc_sdk.entropy import ZLIB_LEVEL, known_codings
from nasc_search.encodings.shares import measure_shares
from nasc_search.export.quantize import quantize_array
from tests.service.shops import shop
from tests.supernet.tasks import DENSE_CELL, SPACE, images


def test_every_cut_that_sends_something_is_measured():
    prepared = shop().prepare(DENSE_CELL)
    shown = images(20)
    shares = measure_shares(prepared.folded, prepared.quantized, shown, known_codings())
    last = SPACE.network(DENSE_CELL).cuts[-1]
    places = [(0, 8), *((cut, bits) for cut in range(1, last) for bits in (8, 4, 2))]
    assert set(shares) == {(*place, coding) for place in places for coding in (Entropy.ZLIB, Entropy.ZSTD)}
    inputs = prepared.folded.block_inputs(shown)[prepared.network.blocks[2].name]
    sent = [quantize_array(sample, prepared.quantized.at_cut(2)).tobytes() for sample in inputs]
    deflated = [len(zlib.compress(data, ZLIB_LEVEL)) / len(data) for data in sent]
    assert shares[2, 8, Entropy.ZLIB] == np.percentile(deflated, 95)
    coded = [len(zstd.compress(data)) / len(data) for data in sent]
    assert shares[2, 8, Entropy.ZSTD] == np.percentile(coded, 95)
