"""The real command line in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.support.runtimes import needs_tflite_runtime
from tests.support.tiny_models import conv_chain


def infer(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nasc_sdk", "infer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "net.tflite").write_bytes(conv_chain(2))
    return tmp_path


def _options(files, array, *more):
    np.save(files / "x.npy", array)
    return ("--model", files / "net.tflite", "--input", files / "x.npy", "--output", files / "y.npy", *more)


def _expected(stored):
    session = open_runtime().load(conv_chain(2), kernels=Kernels.XNNPACK)
    return np.concatenate([session.run(sample[None]) for sample in stored])


def test_real_numbers_are_quantized_and_every_sample_answered(files):
    real = np.random.default_rng(0).normal(0, 2, (5, 8, 8, 4))
    done = infer(*_options(files, real))
    assert done.returncode == 0, done.stderr
    assert "5 samples" in done.stdout
    stored = np.clip(np.rint(real.astype(np.float32) / np.float32(0.05)) + 3, -128, 127).astype(np.int8)
    np.testing.assert_array_equal(np.load(files / "y.npy"), _expected(stored))


@needs_tflite_runtime
def test_stored_values_without_a_batch_and_json(files):
    stored = np.random.default_rng(1).integers(-128, 128, (8, 8, 4)).astype(np.int8)
    done = infer(*_options(files, stored, "--json", "--runtime", "tflite-runtime", "--kernels", "reference"))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["samples"], document["output_dtype"], document["zero_point"]) == (1, "int8", 3)
    assert document["output_shape"] == [1, 8, 8, 4]
    output = np.load(files / "y.npy").astype(int)
    assert np.abs(output - _expected(stored[None])).max() <= 1


def test_real_output(files):
    stored = np.random.default_rng(2).integers(-128, 128, (2, 8, 8, 4)).astype(np.int8)
    assert infer(*_options(files, stored, "--real-output")).returncode == 0
    real = np.load(files / "y.npy")
    assert real.dtype == np.float32
    np.testing.assert_allclose(real, (_expected(stored).astype(np.float32) - 3) * 0.05, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 8, 8, 3)),
        np.zeros((0, 8, 8, 4)),
        np.zeros((2, 8, 8, 4), np.uint8),
        np.full((1, 8, 8, 4), np.nan),
        np.array(["text"]),
    ],
)
def test_inputs_that_do_not_fit(files, array):
    done = infer(*_options(files, array))
    assert done.returncode == 3
    assert "x.npy" in done.stderr
    assert not (files / "y.npy").exists()


@needs_tflite_runtime
def test_bad_models_and_places(files):
    options = _options(files, np.zeros((1, 8, 8, 4)))
    assert infer(*options[:4], "--output", files / "absent" / "y.npy").returncode == 7
    (files / "net.tflite").write_bytes(conv_chain(2)[:700])
    done = infer(*options, "--runtime", "tflite-runtime")
    assert done.returncode == 3
    assert "net.tflite" in done.stderr
