from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from nasc_sdk.profiling.operators import profile_operators
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.support.runtimes import LITERT, RUNTIMES, TFLITE, needs_tflite_runtime
from tests.support.tiny_models import conv_chain

SIZE, CHANNELS = 24, 16
MODEL = conv_chain(2, CHANNELS, SIZE)
INPUT = np.random.default_rng(0).integers(-128, 128, SIZE * SIZE * CHANNELS).astype(np.int8).tobytes()


@pytest.mark.parametrize(
    ("name", "kernels"),
    [(LITERT, Kernels.BUILTIN), *(pytest.param(TFLITE, kernels, marks=needs_tflite_runtime) for kernels in Kernels)],
)
def test_operators_are_named_in_order_and_add_up(name, kernels):
    report = profile_operators(MODEL, INPUT, runtime=open_runtime(name), kernels=kernels, rounds=3)
    assert report.reason == ""
    assert [op.op for op in report.ops] == ["CONV_2D", "ADD"] * 2
    assert {op.shape for op in report.ops} == {f"1x{SIZE}x{SIZE}x{CHANNELS}"}
    assert [op.index for op in report.ops] == [0, 1, 2, 3]
    assert report.whole is not None
    # Loose on purpose: another process may take the core in between.
    assert 0.2 < sum(op.timing.median for op in report.ops) / report.whole.median < 5


def test_operators_inside_xnnpack_are_seen():
    report = profile_operators(MODEL, INPUT, runtime=open_runtime(LITERT), kernels=Kernels.XNNPACK, rounds=3)
    assert len(report.ops) == 4
    assert "Convolution" in report.ops[0].op
    assert {op.shape for op in report.ops} == {f"1x{SIZE}x{SIZE}x{CHANNELS}"}


def test_what_cannot_be_timed_says_so():
    report = profile_operators(
        MODEL, INPUT, runtime=open_runtime(LITERT), kernels=Kernels.REFERENCE, rounds=1
    )
    assert report.ops == ()
    assert report.reason.startswith("per-operator timing is not available on ai-edge-litert")


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_model_that_crashes_the_child_leaves_a_reason(name):
    report = profile_operators(MODEL[:900], INPUT, runtime=open_runtime(name), kernels=Kernels.BUILTIN)
    assert report.ops == ()
    assert "not available" in report.reason


def test_an_input_of_another_size_leaves_a_reason():
    report = profile_operators(MODEL, INPUT[:-1], runtime=open_runtime(LITERT), kernels=Kernels.BUILTIN)
    assert "reshape" in report.reason


def test_a_child_that_takes_too_long_is_given_up():
    runtime = open_runtime(LITERT)
    report = profile_operators(MODEL, INPUT, runtime=runtime, kernels=Kernels.BUILTIN, timeout_s=0.001)
    assert "more than 0.001 s" in report.reason


def test_the_child_fails_on_bytes_that_are_no_request():
    command = [sys.executable, "-m", "nasc_sdk.profiling.operators"]
    done = subprocess.run(command, input=os.urandom(40), capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert done.stdout == b""
