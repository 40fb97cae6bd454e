"""Plans that lie, with a checksum that is right: refused, or run without touching what is not theirs."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from nasc_sdk.mcu.plan import OPERATOR_BYTES
from nasc_search.export.forms import Form
from tests.firmware.host import HostHead, needs_compiler
from tests.firmware.mutants import HEADER, good_plan, lie_in_content, lie_in_fields, sealed, with_word

pytestmark = needs_compiler

FINE, TOO_SHORT, NOT_ONE, VERSION, LENGTH, CHECKSUM, PACKING, ARENA, TABLES, CODE = range(10)
SHAPE, TENSOR, CONSTANT, SCALE, NAME, WORK = range(10, 16)
WROTE_OUTSIDE = 255


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    host = HostHead(tmp_path_factory.mktemp("head"))
    yield host
    host.close()


def test_every_truncation_is_refused(head):
    good = good_plan(0)
    for length in [*range(HEADER + 2), *range(HEADER + 2, len(good), 61)]:
        assert head.run(good[:length]).fault in (TOO_SHORT, LENGTH)


@pytest.mark.parametrize(
    ("at", "form", "value", "fault"),
    [
        (0, "<I", 0, NOT_ONE), (4, "<H", 2, VERSION), (6, "<H", 1, PACKING), (32, "<I", 1 << 21, ARENA),
        (16, "<I", 0, TABLES), (16, "<I", 257, TABLES), (20, "<I", 100, TABLES), (24, "<I", 0xFFFFFFFF, TABLES),
        (36, "<I", 8, TENSOR), (44, "<I", 0xFFFFFFF0, TENSOR), (HEADER, "<B", 0, CODE), (HEADER, "<B", 8, CODE),
        (HEADER + 8, "<I", 0x7FFFFFFF, NAME), (HEADER + 12, "<I", 0xFFFFFFF0, TENSOR), (HEADER + 12, "<I", 4, TENSOR),
    ],
)  # fmt: skip
def test_each_lie_has_its_name(head, at, form, value, fault):
    assert head.run(with_word(good_plan(0), at, value, form)).fault == fault


def test_an_output_over_its_own_input_is_refused(head):
    good = good_plan(0)
    (source,) = struct.unpack_from("<I", good, HEADER + 12)
    assert head.run(with_word(good, HEADER + 16, source)).fault == TENSOR


def test_a_flipped_bit_is_noticed(head):
    good = good_plan(1)
    for at in range(0, len(good), 53):
        hurt = bytearray(good)
        hurt[at] ^= 4
        assert head.run(bytes(hurt)).fault != FINE


@pytest.mark.parametrize("seed", range(4))
def test_lies_in_channels_and_weights_give_wrong_values_at_worst(head, seed):
    good, rng, faults = good_plan(seed), np.random.default_rng(seed), set()
    for _ in range(300):
        found = head.run(lie_in_content(good, rng))
        assert found.status != WROTE_OUTSIDE, "wrote outside its arena"
        faults.add(found.fault)
    assert {FINE, SCALE} <= faults


def test_more_work_than_anybody_waits_for_is_refused(head):
    """An average pool of 255 x 255 over an image of 1000 x 1000."""
    image = 1000
    common = struct.pack("<BBbbbbbxIII", 3, 0, -128, 127, 0, 0, 0, 0, 0, 1_000_000 // 16 * 16)
    window = struct.pack("<6H4B2BxxIIIII", image, image, 1, image, image, 1, 255, 255, 1, 1, 127, 127, *[0] * 5)
    body = (common + window).ljust(OPERATOR_BYTES, b"\0") + b"x\0"
    header = bytearray(good_plan(0)[:HEADER])
    struct.pack_into("<IIII", header, 16, 1, HEADER, HEADER + OPERATOR_BYTES, 2)
    struct.pack_into("<IIIII", header, 32, 1 << 20, 0, 1, 0, 1)
    assert head.run(sealed(bytes(header) + body)).fault in (WORK, TENSOR)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("seed", range(4))
def test_lies_in_any_field_read_and_write_nothing_outside(head, seed, form):
    """The sanitizers say so, and that nothing beyond the plan's own arena changed."""
    good, rng, faults = good_plan(seed, form), np.random.default_rng(seed), set()
    for _ in range(400):
        found = head.run(lie_in_fields(good, rng))
        assert found.status != WROTE_OUTSIDE, "wrote outside its arena"
        faults.add(found.fault)
    assert {FINE, SHAPE, TENSOR, CONSTANT} <= faults
