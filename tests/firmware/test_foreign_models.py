"""Int8 models of other converters: what LiteRT's reference kernels answer, or a refusal that names the operator."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator

from nasc_sdk.errors import InputError
from nasc_sdk.mcu.compile import compile_model
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.firmware.host import HostHead, needs_compiler
from tests.support import operator_models as models
from tests.support.tiny_models import conv_chain, custom_op, two_inputs


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    host = HostHead(tmp_path_factory.mktemp("head"))
    yield host
    host.close()


MODELS = {
    "dense": models.fully_connected(),
    "dense, rows": models.fully_connected(1, rows=3, activation=models.RELU),
    "dense, no bias": models.fully_connected(2, with_bias=False),
    "convolution": models.convolution(),
    "convolution, rectangular": models.convolution(1, kernel=(1, 5), stride=(2, 1)),
    "convolution, tall": models.convolution(2, kernel=(5, 2), stride=(1, 3), padding=models.VALID),
    "convolution, even": models.convolution(3, kernel=(2, 4), stride=(2, 2), activation=models.RELU6),
    "convolution, groups": models.convolution(4, groups=2, activation=models.RELU),
    "convolution, one to one": models.convolution(5, activation=models.RELU_N1_TO_1),
    "depthwise, multiplier": models.depthwise(),
    "depthwise": models.depthwise(1, multiplier=1, kernel=(5, 3), stride=(1, 2), activation=models.NONE),
    "depthwise, valid": models.depthwise(2, multiplier=1, padding=models.VALID),
    "pool": models.average_pool(),
    "pool, relu": models.average_pool(kernel=(2, 2), stride=(2, 2), activation=models.RELU),
    "pool, all": models.average_pool(kernel=(7, 8), stride=(1, 1), padding=models.VALID),
    "add, scalar": models.add_constant(constant=(1,)),
    "add, channels": models.add_constant(1, constant=(5,), activation=models.RELU6),
    "add, constant first": models.add_constant(2, constant=(4, 1, 5), first=True),
    "quantize": models.rescale(),
    "quantize, finer": models.rescale(scale=0.0071),
    "relu": models.rescale(BuiltinOperator.RELU, 0.05, -128),
    "relu6": models.rescale(BuiltinOperator.RELU6, 0.03, -128),
    "pad": models.pad(),
    "reshape": models.reshape(),
    "chain": conv_chain(3),
}


@needs_compiler
@pytest.mark.parametrize("name", MODELS)
def test_it_answers_as_the_reference_kernels(head, name):
    model = MODELS[name]
    session = open_runtime("ai-edge-litert").load(model, kernels=Kernels.REFERENCE)
    plan = compile_model(model, Packing.PLAIN, name).pack()
    rng = np.random.default_rng(0)
    for _ in range(4):
        image = rng.integers(-128, 128, session.inputs[0].shape).astype(np.int8)
        found = head.run(plan, image.tobytes())
        assert (found.fault, found.status) == (0, 0)
        assert found.output == session.run(image).tobytes()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (custom_op(), r"net: operator 0 is CUSTOM, which the firmware does not run; it runs ADD, "),
        (two_inputs(), r"net has 2 inputs and 1 outputs"),
        (conv_chain(quantized=False), r"net: operator 0 \(CONV_2D\): tensor input is float32"),
        (models.pad(((0, 0), (0, 0), (0, 0), (1, 0))), r"operator 0 \(PAD\): only height and width"),
        (models.pad(((0, 0), (300, 0), (0, 0), (0, 0))), r"by at most 255"),
        (models.rescale(scale=1e-9), r"operator 0 \(QUANTIZE\): the output has so small a scale"),
        (b"", "no .tflite model"),
        (b"\0" * 100, "no .tflite model"),
    ],
)
def test_what_no_kernel_runs_is_refused_by_name(model, reason):
    with pytest.raises(InputError, match=reason):
        compile_model(model, Packing.PLAIN, "net")
