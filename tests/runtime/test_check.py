from __future__ import annotations

import struct

import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.check import check_model, check_models
from nasc_sdk.runtime.select import open_runtime
from tests.support.runtimes import RUNTIMES, needs_tflite_runtime
from tests.support.tiny_models import conv_chain, custom_op


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("name", RUNTIMES)
def test_a_good_model_passes(name, kernels):
    check_model(conv_chain(), name="good", runtime=open_runtime(name), kernels=kernels)


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_truncation_is_an_input_error_and_this_process_lives(name):
    model, runtime = conv_chain(2), open_runtime(name)
    for size in (0, 4, 31, 32, 200, len(model) // 2, len(model) * 3 // 4, len(model) - 400):
        with pytest.raises(InputError, match=r"cut\.tflite"):
            check_model(model[:size], name="cut.tflite", runtime=runtime)


def with_subgraphs_elsewhere(model):
    """The offset of the third field of the root table leads two gigabytes away."""
    (root,) = struct.unpack_from("<I", model)
    (vtable_back,) = struct.unpack_from("<i", model, root)
    (field,) = struct.unpack_from("<H", model, root - vtable_back + 4 + 2 * 2)
    return model[: root + field] + struct.pack("<I", 0x7FFF0000) + model[root + field + 4 :]


@needs_tflite_runtime
def test_a_crash_of_the_runtime_is_told_as_one():
    """tflite-runtime does not verify its input."""
    with pytest.raises(InputError, match=r"cut\.tflite: the runtime crashed \(SIGSEGV\)"):
        check_model(
            with_subgraphs_elsewhere(conv_chain(2)), name="cut.tflite", runtime=open_runtime("tflite-runtime")
        )


def test_the_first_bad_one_of_several_is_named():
    models = [("one", conv_chain()), ("two", custom_op()), ("three", conv_chain(2))]
    with pytest.raises(InputError, match=r"^two: cannot be loaded: .*SomebodysOwnOp"):
        check_models(models, runtime=open_runtime())


def test_a_model_that_takes_too_long_is_given_up():
    with pytest.raises(InputError, match="slow: the runtime did not finish within"):
        check_model(conv_chain(), name="slow", runtime=open_runtime(), timeout_s=0.001)


