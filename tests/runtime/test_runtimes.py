"""One body over both runtimes and all kernels; the development environment has both."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nasc_sdk.errors import InputError, RuntimeUnavailableError
from nasc_sdk.runtime.base import Kernels, TensorInfo, describe, require_int8
from nasc_sdk.runtime.select import open_runtime
from nasc_sdk.runtime.slowed import SlowedRuntime
from nasc_sdk.runtime.tflite_runtime import numpy_complaint
from tests.support.runtimes import RUNTIMES, needs_tflite_runtime
from tests.support.tiny_models import conv_chain, custom_op, two_inputs

SHAPE = (1, 8, 8, 4)


def activations(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("name", RUNTIMES)
def test_all_runtimes_and_kernels_agree(name, kernels):
    model = conv_chain(3)
    expected = open_runtime("ai-edge-litert").load(model, kernels=Kernels.REFERENCE).run(activations())
    session = open_runtime(name).load(model, kernels=kernels)
    output = session.run(activations())
    assert output.dtype == np.int8
    assert len(np.unique(expected)) > 20
    assert np.abs(output.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("name", RUNTIMES)
def test_an_input_survives_invokes_and_outputs_are_copies(name, kernels):
    session = open_runtime(name).load(conv_chain(3), kernels=kernels)
    first = session.run(activations(1))
    kept = first.copy()
    session.invoke()
    session.invoke()
    np.testing.assert_array_equal(session.fetch(), kept)
    assert (session.run(activations(2)) != kept).any()
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("name", RUNTIMES)
def test_tensors_are_described(name):
    session = open_runtime(name).load(conv_chain(), kernels=Kernels.BUILTIN, threads=2)
    (info,) = session.inputs
    assert (info.shape, info.dtype, info.zero_point, info.nbytes) == (SHAPE, "int8", 3, 256)
    assert info.scale == pytest.approx(0.05)
    assert str(info) == "1x8x8x4 int8"
    assert [output.shape for output in session.outputs] == [SHAPE]


@pytest.mark.parametrize(
    "array", [activations(shape=(8, 8, 4)), activations().astype(np.float32), np.int8(3)]
)
def test_a_misfit_is_refused(array):
    session = open_runtime().load(conv_chain(), kernels=Kernels.XNNPACK)
    with pytest.raises(InputError, match="takes 1x8x8x4 int8"):
        session.feed(np.asarray(array))


@pytest.mark.parametrize("name", RUNTIMES)
def test_what_is_no_model_is_refused_before_native_code(name):
    model = conv_chain()
    for bad in (b"", b"TFL3", b"x" * 500, model[:20], b"\xff\xff\xff\x7f" + model[4:]):
        with pytest.raises(InputError, match=r"a\.tflite"):
            open_runtime(name).load(bad, kernels=Kernels.XNNPACK, name="a.tflite")


@pytest.mark.parametrize("name", RUNTIMES)
def test_an_unsupported_operator_is_named(name):
    with pytest.raises(InputError, match="SomebodysOwnOp"):
        open_runtime(name).load(custom_op(), kernels=Kernels.BUILTIN, name="a.tflite")


def test_int8_is_required_where_it_is_needed():
    runtime = open_runtime()
    require_int8(runtime.load(conv_chain(), kernels=Kernels.XNNPACK), "good")
    with pytest.raises(InputError, match="float32, not quantized int8"):
        require_int8(runtime.load(conv_chain(quantized=False), kernels=Kernels.XNNPACK), "float")
    with pytest.raises(InputError, match="2 inputs"):
        require_int8(runtime.load(two_inputs(), kernels=Kernels.XNNPACK), "wide")


def test_auto_is_litert_and_says_so():
    runtime = open_runtime()
    assert describe(runtime).startswith("ai-edge-litert 2.")


@needs_tflite_runtime
def test_the_other_one_says_so_too():
    assert describe(open_runtime("tflite-runtime")).startswith("tflite-runtime 2.")


def test_an_unknown_runtime_is_an_input_error():
    with pytest.raises(InputError, match="ai-edge-litert, tflite-runtime"):
        open_runtime("onnx")


def test_numpy_2_is_named_as_the_reason():
    assert "pip install 'numpy<2'" in numpy_complaint("2.14.0", "2.2.6")
    assert numpy_complaint("2.14.0", "1.26.4") == ""
    assert numpy_complaint("2.15.0", "2.2.6") == ""


WITHOUT = """
import sys
for name in {blocked}:
    sys.modules[name] = None
from nasc_sdk.errors import RuntimeUnavailableError
from nasc_sdk.runtime.select import open_runtime
from nasc_sdk.runtime.slowed import SlowedRuntime
try:
    print(open_runtime({wanted!r}).name)
except RuntimeUnavailableError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("blocked", "wanted", "expected"),
    [
        pytest.param(["ai_edge_litert"], "auto", "tflite-runtime\n", marks=needs_tflite_runtime),
        (["ai_edge_litert", "tflite_runtime"], "auto", "pip install ai-edge-litert"),
        (["tflite_runtime"], "tflite-runtime", "pip install tflite-runtime"),
    ],
)
def test_a_missing_runtime_is_fallen_back_from_or_named(blocked, wanted, expected):
    script = WITHOUT.format(blocked=blocked, wanted=wanted)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert expected in done.stdout
    assert "not installed" in done.stdout or expected == "tflite-runtime\n"


def test_the_error_ends_with_its_own_exit_code():
    assert RuntimeUnavailableError.exit_code == 6


def test_sizes_follow_the_dtype():
    assert TensorInfo((1, 10), "float32", 0.0, 0).nbytes == 40


def test_a_slowed_runtime_gives_the_same_results_after_more_runs():
    runs = []

    class Counting:
        """A session of the real runtime that counts its runs."""

        def __init__(self, session):
            self._session = session

        def __getattr__(self, name):
            return getattr(self._session, name)

        def invoke(self):
            runs.append(1)
            self._session.invoke()

    class Recording:
        name, version = "recording", "0"

        def load(self, *arguments, **options):
            return Counting(open_runtime().load(*arguments, **options))

    plain = open_runtime().load(conv_chain(2), kernels=Kernels.REFERENCE)
    slowed = SlowedRuntime(Recording(), 3)
    session = slowed.load(conv_chain(2), kernels=Kernels.REFERENCE)
    np.testing.assert_array_equal(session.run(activations()), plain.run(activations()))
    assert len(runs) == 3
    assert (session.inputs, session.outputs) == (plain.inputs, plain.outputs)
    assert describe(slowed) == "recording 0"
