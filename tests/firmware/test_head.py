"""Compiled plans on the firmware's plain kernels, built for this machine: TFLite's reference to the bit."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from nasc_sdk.mcu.compile import compile_model, with_golden
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.plan import golden_input
from nasc_sdk.runtime.select import open_runtime
from nasc_search.export import integer_reference
from nasc_search.export.forms import Form
from nasc_search.export.integer_reference import Kernels
from nasc_search.export.writer import write_int8
from tests.export.test_integer_reference import random_case, random_head
from tests.firmware.host import HostHead, needs_compiler

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    host = HostHead(tmp_path_factory.mktemp("head"))
    yield host
    host.close()


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("seed", range(25))
def test_every_operator_is_exact(head, seed, form):
    quantized, images = random_case(seed)
    plan = compile_model(write_int8(quantized, form), Packing.PLAIN, "net").pack()
    expected = integer_reference.run(quantized, images, form, Kernels.REFERENCE)
    for image, answer in zip(images, expected, strict=True):
        found = head.run(plan, image.tobytes())
        assert (found.fault, found.status) == (0, 0)
        np.testing.assert_array_equal(np.frombuffer(found.output, np.int8).reshape(answer.shape), answer)


def test_a_hundred_heads_are_exact_and_hardly_waste_memory(head):
    for seed in range(100):
        quantized, images = random_head(seed)
        plan = compile_model(write_int8(quantized), Packing.PLAIN, "net")
        assert plan.arena_bytes <= 1.05 * plan.lower_bound_bytes
        found = head.run(plan.pack(), images[0].tobytes())
        assert (found.fault, found.status) == (0, 0)
        assert found.output == integer_reference.run(quantized, images[:1]).tobytes(), seed


def test_the_golden_output_is_what_the_reference_kernels_say(head):
    quantized, _ = random_head(3)
    data = write_int8(quantized)
    plan = with_golden(compile_model(data, Packing.PLAIN, "net"), data, open_runtime("auto"), "net")
    found = head.run(plan.pack())
    assert (found.fault, found.status) == (0, 0)
    assert zlib.crc32(found.output) == plan.golden_crc32
    shape = (1, *plan.input_shape[1:])
    again = integer_reference.run(quantized, golden_input(int(np.prod(shape))).reshape(shape))
    assert found.output == again.tobytes()


def test_another_golden_output_is_noticed(head):
    quantized, _ = random_head(3)
    assert head.run(compile_model(write_int8(quantized), Packing.PLAIN, "net").pack()).status == 8
