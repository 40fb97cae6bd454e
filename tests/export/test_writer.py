from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.errors import MissingExtraError
from nasc_search.export import integer_reference
from nasc_search.export.float_writer import write_float
from nasc_search.export.forms import Form
from nasc_search.export.quantize import quantize, quantize_array
from nasc_search.export.writer import int8_graph, write_int8
from nasc_search.spaces.nb201 import EdgeOp, format_arch
from tests.export.networks import TINY, case, random_network
from tests.export.runtimes import DEFAULT, REFERENCE, RUNTIMES, interpreter, run

ROOT = Path(__file__).parents[2]
MIXED = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|"
ONE_SKIP = format_arch((EdgeOp.NONE, EdgeOp.NONE, EdgeOp.NONE, EdgeOp.SKIP, EdgeOp.NONE, EdgeOp.NONE))
ALL_SKIP = format_arch((EdgeOp.SKIP,) * 6)


def quantized_case(arch, seed=0):
    network, weights, ranges, batch = case(TINY.network(arch), seed)
    quantized = quantize(network, weights, ranges)
    return quantized, weights, quantize_array(batch, quantized.input)


def op_names(model, kernels=REFERENCE):
    return [op["op_name"] for op in interpreter("ai_edge_litert", model, kernels)._get_ops_details()]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("seed", range(6))
def test_models_hold_no_transpose_and_no_dead_operator(form, seed):
    network, weights, ranges, _ = case(random_network(np.random.default_rng(seed)), seed)
    quantized = quantize(network, weights, ranges)
    for model in (write_int8(quantized, form), write_float(network, weights, form)):
        details = interpreter("ai_edge_litert", model, REFERENCE)
        ops = details._get_ops_details()
        assert "TRANSPOSE" not in {op["op_name"] for op in ops}
        read = {int(index) for op in ops for index in op["inputs"]}
        read.add(details.get_output_details()[0]["index"])
        assert {int(index) for op in ops for index in op["outputs"]} <= read


@pytest.mark.parametrize("arch", [MIXED, ALL_SKIP])
def test_the_xnnpack_form_is_one_partition(arch):
    quantized, weights, _ = quantized_case(arch)
    for model in (write_int8(quantized, Form.XNNPACK), write_float(quantized.network, weights)):
        made = interpreter("ai_edge_litert", model, DEFAULT)
        delegates = [op for op in made._get_ops_details() if op["op_name"] == "DELEGATE"]
        assert len(delegates) == 1
        assert made.get_input_details()[0]["index"] in delegates[0]["inputs"]
        assert delegates[0]["outputs"].tolist() == [made.get_output_details()[0]["index"]]


def test_the_forms_use_their_operators():
    quantized, _, _ = quantized_case(MIXED)
    builtin, xnnpack = (set(op_names(write_int8(quantized, form))) for form in Form)
    assert {"RELU", "AVERAGE_POOL_2D", "PAD"} <= builtin
    assert xnnpack == {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "PAD"}


@pytest.mark.parametrize("form", Form)
def test_the_same_arguments_give_the_same_bytes_in_any_process(form):
    script = (
        "import hashlib;"
        "from tests.export.test_writer import *;"
        "quantized, weights, _ = quantized_case(MIXED);"
        f"form = Form('{form}');"
        "both = write_int8(quantized, form) + write_float(quantized.network, weights, form);"
        "sys.stdout.write(hashlib.sha256(both).hexdigest())"
    )
    here, there = (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
        )
        for _ in range(2)
    )
    assert len(here.stdout) == 64
    assert here.stdout == there.stdout


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("kernels", [DEFAULT, REFERENCE])
def test_a_block_without_operators_copies_its_input(runtime, form, kernels):
    quantized, weights, images = quantized_case(ONE_SKIP)
    block = quantized.slice(1, 2)
    assert block.network.blocks[0].ops == ()
    stored = integer_reference.run(quantized.head(1), images)
    np.testing.assert_array_equal(run(runtime, write_int8(block, form), stored, kernels), stored)
    np.testing.assert_array_equal(integer_reference.run(block, stored, form), stored)
    real = stored.astype(np.float32)
    copied = run(runtime, write_float(block.network, weights, form), real, kernels)
    np.testing.assert_array_equal(copied, real)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("arch", [ONE_SKIP, ALL_SKIP])
def test_networks_of_skips_run(runtime, arch):
    quantized, _, images = quantized_case(arch)
    expected = integer_reference.run(quantized, images)
    np.testing.assert_array_equal(run(runtime, write_int8(quantized), images, REFERENCE), expected)


def test_tensors_are_named_after_block_and_tensor():
    quantized, _, _ = quantized_case(MIXED)
    names = {t["name"] for t in interpreter("ai_edge_litert", write_int8(quantized)).get_tensor_details()}
    for block, op in quantized.network.ops():
        assert f"{block.name}/{op.output}" in names
    blocks = {block.name for block in quantized.network.blocks}
    assert {name.split("/")[0] for name in names if name} == blocks


def test_input_and_output_carry_the_parameters():
    quantized, _, _ = quantized_case(MIXED)
    made = interpreter("ai_edge_litert", write_int8(quantized))
    for details, expected in (
        (made.get_input_details()[0], quantized.input),
        (made.get_output_details()[0], quantized.output),
    ):
        assert details["dtype"] is np.int8
        assert details["quantization"] == pytest.approx((expected.scale, expected.zero_point))


def test_constants_are_aligned_for_kernels_that_map_them():
    quantized, _, _ = quantized_case(MIXED)
    model = write_int8(quantized)
    for tensor in int8_graph(quantized).tensors.values():
        if tensor.data is not None and len(set(tensor.data.ravel().tolist())) > 10:
            assert model.index(tensor.data.tobytes()) % 16 == 0


@pytest.mark.parametrize("package", ["flatbuffers", "tflite"])
def test_a_missing_package_names_the_extra(package, monkeypatch):
    quantized, _, _ = quantized_case(ONE_SKIP)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package} is not installed.*nasc-sdk\[search\]"):
        write_int8(quantized)


def test_the_exporter_needs_no_torch():
    script = (
        "import sys;"
        "import nasc_search.export.profile_models, nasc_search.export.float_writer, nasc_search.export.arena;"
        "assert not {'torch', 'tflite', 'flatbuffers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
