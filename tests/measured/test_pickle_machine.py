"""Plain values come out of every protocol as Python's unpickler would give them."""

import collections
import pickle

import numpy as np
import pytest

from nasc_sdk.errors import UnsafePickleError
from nasc_search.measured.pickle_machine import Limits, read_pickle
from nasc_search.measured.pickle_numpy import PlainArray

SHARED_LIST = [1, 2]
PLAIN = {
    "numbers": [0, 1, -1, 255, 256, 65_536, -(2**31), 2**40, -(2**63), 1.5, float("inf"), -0.0],
    "words": ["", "a", "é", "中", "😀", "\n\\\0\r\x1a", "a" * 300],
    "bytes": [b"a", b"\x00\xff" * 200],
    "others": [True, False, None, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], {}],
    "shared": [SHARED_LIST, SHARED_LIST],
    "many": list(range(3000)),
    1: {2: {3: "deep"}},
    "ordered": collections.OrderedDict(b=1, a=2),
}
ARRAYS = {
    "matrix": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(12).reshape(3, 4)),
    "big end": np.arange(5, dtype=">f4"),
    "bytes": np.arange(5, dtype=np.uint8),
    "truth": np.array([True, False]),
    "strided": np.arange(10)[::2],
    "none": np.array(3.5),
}
SCALARS = [np.float64(1.5), np.float32(2.5), np.int16(-3), np.bool_(True)]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values(protocol):
    assert read_pickle(pickle.dumps(PLAIN, protocol)) == PLAIN


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name, protocol):
    expected = ARRAYS[name]
    read = read_pickle(pickle.dumps([expected, expected], protocol))
    assert read[0] is read[1]
    assert isinstance(read[0], PlainArray)
    assert read[0].values.dtype.str == expected.dtype.str
    assert np.array_equal(read[0].values, expected)


@pytest.mark.parametrize("protocol", range(6))
def test_numbers_of_numpy(protocol):
    assert read_pickle(pickle.dumps(SCALARS, protocol)) == [1.5, 2.5, -3, True]


def test_the_names_of_numpy_1_and_2_are_the_same_thing():
    data = pickle.dumps([np.arange(3.0), np.float64(1)], 3)
    for one, other in ((b"numpy._core", b"numpy.core"), (b"numpy.core", b"numpy._core")):
        array, number = read_pickle(data.replace(one, other))
        assert (array.values.tolist(), number) == ([0.0, 1.0, 2.0], 1.0)


def test_a_dtype_may_say_its_flags_as_integers():
    """So did the numpy with which the benchmark's authors wrote."""
    data = pickle.dumps(np.arange(2.0), 3)
    assert b"\x89\x88\x87" in data
    assert read_pickle(data.replace(b"\x89\x88\x87", b"K\x00K\x01\x87")).values.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("dtype", ["O", "U3", "S3", "M8[s]", "m8[s]", "c16", "V4", [("a", "f8")]])
def test_other_arrays_are_refused(dtype):
    for protocol in (2, 4, 5):
        with pytest.raises(UnsafePickleError):
            read_pickle(pickle.dumps(np.zeros(2, dtype), protocol))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(opcodes=50), "more than 50 instructions"),
        (Limits(stack=100), "more than 100 values wait"),
        (Limits(memo=3), "memo entry 3"),
        (Limits(nesting=2), "nested more than 2 deep"),
        (Limits(built_bytes=1 << 20), "more than 1 MiB"),
        (Limits(values=1000), "more than 1000 values"),
        (Limits(line_bytes=4), "a line has no end"),
    ],
)
def test_limits(limits, words):
    content = {"a": list(range(5000)), "b": ["x" * 300_000 + str(index) for index in range(4)], "c": [[[1]]]}
    with pytest.raises(UnsafePickleError, match=words):
        read_pickle(pickle.dumps(content, 0 if limits.line_bytes == 4 else 4), limits)


def test_what_follows_the_end_is_refused():
    with pytest.raises(UnsafePickleError, match="follows the end"):
        read_pickle(pickle.dumps(1) + b"\0")
