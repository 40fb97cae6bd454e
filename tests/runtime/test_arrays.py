from __future__ import annotations

import numpy as np
import pytest

from nasc_sdk.errors import InputError, StorageError
from nasc_sdk.runtime.arrays import dequantize, fit_dtype, random_input, read_npy, samples, write_npy
from nasc_sdk.runtime.base import TensorInfo

INT8 = TensorInfo((1, 2, 3), "int8", 0.5, 10)
FLOAT = TensorInfo((1, 2, 3), "float32", 0.0, 0)


def test_real_numbers_are_quantized_and_saturate():
    stored = fit_dtype(np.array([0.0, 0.5, -1.0, 1e9, -1e9]), INT8, "x")
    np.testing.assert_array_equal(stored, np.array([10, 11, 8, 127, -128], np.int8))
    np.testing.assert_allclose(dequantize(stored[:3], INT8), [0.0, 0.5, -1.0])


def test_stored_values_pass_unchanged():
    array = np.arange(6, dtype=np.int8)
    np.testing.assert_array_equal(fit_dtype(array, INT8, "x"), array)
    assert fit_dtype(np.ones(2, np.float64), FLOAT, "x").dtype == np.float32


@pytest.mark.parametrize(
    "array", [np.zeros(6, np.uint8), np.zeros(6, np.int64), np.array(["a"]), np.array([np.nan])]
)
def test_other_types_and_nan_are_refused(array):
    with pytest.raises(InputError, match=r"^x "):
        fit_dtype(array, INT8, "x")


def test_integers_for_a_float_model_are_refused():
    with pytest.raises(InputError, match="takes float32"):
        fit_dtype(np.zeros(6, np.int8), FLOAT, "x")


def test_the_batch_may_be_left_out_or_many():
    assert samples(np.zeros((2, 3)), INT8, "x").shape == (1, 1, 2, 3)
    assert samples(np.zeros((7, 2, 3)), INT8, "x").shape == (7, 1, 2, 3)
    assert samples(np.zeros((8, 2)), TensorInfo((4, 2), "int8", 1.0, 0), "x").shape == (2, 4, 2)


@pytest.mark.parametrize("shape", [(), (0, 2, 3), (3, 2), (1, 1, 2, 3), (5, 3, 2)])
def test_another_shape_is_refused(shape):
    with pytest.raises(InputError, match="the model takes Nx2x3"):
        samples(np.zeros(shape), INT8, "x")


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(InputError, match="a multiple of 4x2"):
        samples(np.zeros((6, 2)), TensorInfo((4, 2), "int8", 1.0, 0), "x")


def test_bad_files_are_input_errors(tmp_path):
    good = tmp_path / "good.npy"
    write_npy(good, np.arange(100, dtype=np.float32))
    content = good.read_bytes()
    pickled, several, bad = tmp_path / "pickled.npy", tmp_path / "several.npz", tmp_path / "bad.npy"
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    np.savez(several, a=np.zeros(2))
    bad.write_bytes(content[:200])
    lying = tmp_path / "lying.npy"
    lying.write_bytes(content.replace(b"(100,), }      ", b"(99999999999,)}"))
    for path in (pickled, several, bad, lying, tmp_path / "absent.npy", tmp_path):
        with pytest.raises(InputError, match=path.name):
            read_npy(path)
    np.testing.assert_array_equal(read_npy(good), np.arange(100))


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(StorageError):
        write_npy(tmp_path / "absent" / "y.npy", np.zeros(3))
    assert list(tmp_path.iterdir()) == []


def test_random_inputs_fill_the_range():
    array = random_input(TensorInfo((1, 5000), "int8", 1.0, 0), np.random.default_rng(0))
    assert (array.min(), array.max()) == (-128, 127)
    assert random_input(FLOAT, np.random.default_rng(0)).dtype == np.float32
    with pytest.raises(InputError, match="--input"):
        random_input(TensorInfo((1,), "int64", 0.0, 0), np.random.default_rng(0))
