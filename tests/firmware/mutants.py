"""Plans that lie, with a checksum that is right."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from nasc_sdk.mcu.compile import compile_model
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.plan import OPERATOR_BYTES
from nasc_search.export.forms import Form
from nasc_search.export.quantize import quantize
from nasc_search.export.writer import write_int8
from tests.export.networks import case, random_network

HEADER = 96
NASTY = (0, 1, 2, 15, 16, 255, 256, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)


def good_plan(seed, form=Form.BUILTIN, packing=Packing.PLAIN):
    network, weights, ranges, _ = case(random_network(np.random.default_rng(seed)), seed)
    return compile_model(write_int8(quantize(network, weights, ranges), form), packing, "net").pack()


def sealed(data):
    """With the length and the checksum that fit."""
    data = bytearray(data)
    struct.pack_into("<I", data, 8, len(data))
    struct.pack_into("<I", data, 12, zlib.crc32(bytes(data[16:])))
    return bytes(data)


def with_word(data, at, value, form="<I"):
    data = bytearray(data)
    struct.pack_into(form, data, at, value)
    return sealed(data)


def lie_in_fields(good, rng):
    """Up to three words or bytes of header and operators."""
    hurt = bytearray(good)
    end = _end_of_operators(good)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(16, end))
        if rng.random() < 0.5:
            struct.pack_into("<I", hurt, at - at % 4, int(rng.choice(NASTY)))
        else:
            hurt[at] = int(rng.integers(256))
    return sealed(hurt)


def lie_in_content(good, rng):
    """Up to four words of names, channels and weights."""
    hurt = bytearray(good)
    for at in rng.integers(_end_of_operators(good) // 4, len(good) // 4, int(rng.integers(1, 5))):
        struct.pack_into("<I", hurt, 4 * int(at), int(rng.choice(NASTY)))
    return sealed(hurt)


def _end_of_operators(good):
    (operators,) = struct.unpack_from("<I", good, 16)
    return HEADER + OPERATOR_BYTES * operators
