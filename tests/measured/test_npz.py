"""Files of measurements: what is read, and what is refused with a word on what to do."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.measured.archive import read_arrays, unpack_arrays, write_arrays
from nasc_search.measured.fbnet import OPS
from nasc_search.measured.npz import Quantity, SpaceName, load_measurements
from tests.measured.official import SHARED

CELLS = 15_625
GOOD = np.linspace(1, 2, CELLS)


def saved(tmp_path, name="nb201_ms.npz", **arrays):
    path = tmp_path / name
    np.savez(path, **arrays)
    return path


def test_all_cells(tmp_path):
    found = load_measurements(saved(tmp_path, pi=GOOD, other=GOOD.astype(np.float32)))
    assert (found.space, found.quantity) == (SpaceName.NB201, Quantity.LATENCY_MS)
    assert found.arch.tolist() == list(range(CELLS))
    assert np.array_equal(found.devices["pi"], GOOD)
    assert all(values.dtype == np.float64 for values in found.devices.values())


def test_some_cells(tmp_path):
    found = load_measurements(saved(tmp_path, index=np.array([7, 3], np.int16), pi=np.array([2, 5])))
    assert found.arch.dtype == np.int64
    assert found.arch.tolist() == [7, 3]
    assert found.devices["pi"].tolist() == [2.0, 5.0]


def test_fbnet(tmp_path):
    arch = np.zeros((3, 22), np.int8)
    found = load_measurements(saved(tmp_path, arch=arch, op_names=np.array(OPS), pi=np.ones(3)))
    assert found.space is SpaceName.FBNET
    assert found.arch.shape == (3, 22)


@pytest.mark.parametrize(
    ("name", "unit", "quantity", "value"),
    [
        ("a_ms.npz", None, Quantity.LATENCY_MS, 4.0),
        ("a_us.npz", None, Quantity.LATENCY_MS, 0.004),
        ("a_s.npz", None, Quantity.LATENCY_MS, 4000.0),
        ("a_mJ.npz", None, Quantity.ENERGY_MJ, 4.0),
        ("a.npz", "us", Quantity.LATENCY_MS, 0.004),
        ("a.npz", "mJ", Quantity.ENERGY_MJ, 4.0),
        ("a_ms.npz", "ms", Quantity.LATENCY_MS, 4.0),
    ],
)
def test_units(tmp_path, name, unit, quantity, value):
    arrays = {"index": np.array([0]), "pi": np.array([4.0]), **({"unit": np.array(unit)} if unit else {})}
    found = load_measurements(saved(tmp_path, name, **arrays))
    assert found.quantity is quantity
    assert found.devices["pi"][0] == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "arrays", "words"),
    [
        ("a.npz", {"pi": GOOD}, r"units unstated; .* rename to a_ms\.npz or add unit='ms'"),
        ("a.npz", {"pi": GOOD, "unit": np.array("minutes")}, "unit 'minutes' is not known"),
        ("a.npz", {"pi": GOOD, "unit": np.array(3)}, "'unit' is no word"),
        ("a_ms.npz", {"pi": GOOD, "unit": np.array("us")}, "state different units"),
        ("a_ms.npz", {"pi": GOOD[:-1]}, "unknown space"),
        ("a_ms.npz", {"pi": GOOD, "other": GOOD[:-1]}, "a_ms.npz, other: 15624 for 15625"),
        ("a_ms.npz", {"pi": GOOD, "other": GOOD[None]}, "1x15625 for 15625"),
        ("a_ms.npz", {"pi": GOOD, "space": np.array("darts")}, "space 'darts' is not known; use one of nb201, fbnet"),
        ("a_ms.npz", {"pi": np.where(np.arange(CELLS) == 9, np.nan, GOOD)}, "1 of 15625 .* the first is nan at 9"),
        ("a_ms.npz", {"pi": np.where(np.arange(CELLS) == 9, np.inf, GOOD)}, "the first is inf at 9"),
        ("a_ms.npz", {"pi": np.where(np.arange(CELLS) == 9, 0, GOOD)}, r"not above 0, the first is 0\.0 at 9"),
        ("a_ms.npz", {"pi": -GOOD}, "15625 of 15625 values"),
        ("a_ms.npz", {"pi": GOOD.astype(str)}, "a_ms.npz, pi: holds <U.*; measurements are numbers"),
        ("a_ms.npz", {"pi": GOOD > 0}, "holds bool"),
        ("a_ms.npz", {"pi": GOOD + 1j}, "holds complex128"),
        ("a_ms.npz", {"pi": GOOD.astype(object)}, "pi.npy: holds Python objects"),
        ("a_ms.npz", {"index": np.array([0, 1])}, "holds no device"),
        ("a_ms.npz", {"index": np.array([0, 0]), "pi": np.ones(2)}, "each cell once"),
        ("a_ms.npz", {"index": np.array([0, CELLS]), "pi": np.ones(2)}, "from 0 to 15624"),
        ("a_ms.npz", {"index": np.array([0.5, 1]), "pi": np.ones(2)}, "no list of integers"),
        ("a_ms.npz", {"arch": np.zeros((2, 21), int), "pi": np.ones(2)}, r"\[n, 22\] integers"),
        ("a_ms.npz", {"arch": np.full((2, 22), 9), "pi": np.ones(2)}, "outside 0 to 8"),
        ("a_ms.npz", {"arch": np.zeros((2, 22), int), "op_names": np.array(OPS[::-1]), "pi": np.ones(2)}, "order"),
        ("a_ms.npz", {"pi@powersave": GOOD, "pi@performance": GOOD}, "pi is measured under two conditions"),
        ("a_ms.npz", {"pi": GOOD, "pi@performance": GOOD}, "measured under two conditions"),
        ("a_ms.npz", {}, "unknown space"),
    ],
)
def test_what_is_refused(tmp_path, name, arrays, words):
    path = saved(tmp_path, name, **arrays)
    with pytest.raises(InputError, match=words) as caught:
        load_measurements(path)
    assert str(path) in str(caught.value)


def test_another_space_than_asked_for(tmp_path):
    path = saved(tmp_path, pi=GOOD)
    assert load_measurements(path, SpaceName.NB201).space is SpaceName.NB201
    with pytest.raises(InputError, match="of nb201, not of fbnet"):
        load_measurements(path, SpaceName.FBNET)


def test_one_condition_is_part_of_the_name(tmp_path):
    assert set(load_measurements(saved(tmp_path, **{"pi@powersave": GOOD})).devices) == {"pi@powersave"}


@pytest.mark.parametrize("data", [b"", b"PK", b"no archive at all", b"\x93NUMPY"])
def test_what_is_no_archive(tmp_path, data):
    path = tmp_path / "a_ms.npz"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"no \.npz archive"):
        load_measurements(path)
    with pytest.raises(InputError, match="cannot read"):
        load_measurements(tmp_path / "none_ms.npz")
    with pytest.raises(InputError, match="cannot read"):
        load_measurements(tmp_path)


def test_every_truncation_and_flip_is_refused_or_harmless(tmp_path):
    path = saved(tmp_path, index=np.arange(20), pi=np.linspace(1, 2, 20))
    data = path.read_bytes()
    for length in range(0, len(data), 3):
        with pytest.raises(InputError):
            unpack_arrays(data[:length], "a")
    rng = np.random.default_rng(0)
    for _ in range(3000):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            damaged[at] ^= 1 << int(rng.integers(8))
        try:
            unpack_arrays(bytes(damaged), "a")
        except InputError as error:
            assert str(error).startswith("a")


def packed(entries, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def header(shape, descr="'<f8'"):
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("a.npy", b"\0" * (257 << 20))], "unpacks to 257 MiB"),
        ([("a.npy", header("(1000000000000,)"))], "no array of"),
        ([("a.npy", header("(-1,)"))], "no array of|no array numpy can read"),
        ([("a.npy", header("(2,)") + b"\0" * 15)], "no array of"),
        ([("a.npy", header("(1,)", "'|O'") + b"\x80\x04N.")], "Python objects"),
        ([("a.npy", header("(1,)", "[('x', '<f8')]") + b"\0" * 8)], "save plain numbers"),
        ([("a.npy", header("(1,)", "__import__('os')"))], "no array numpy can read"),
        ([("a.npy", b"\x80\x04N.")], "no array numpy can read"),
        ([("a.txt", b"")], "is no array"),
        ([("a.npy", b""), ("a.npy", b"")], "or twice"),
        ([(f"{index}.npy", b"") for index in range(600)], "600 entries"),
    ],
)
def test_hostile_archives(entries, words):
    with pytest.raises(InputError, match=words):
        unpack_arrays(packed(entries), "a.npz")


def test_an_archive_that_lies_about_sizes():
    """The directory says 8 bytes, the stream holds a megabyte: only what is announced is unpacked, and not believed."""
    data = bytearray(packed([("a.npy", b"\0" * (1 << 20))]))
    size = struct.pack("<I", 1 << 20)
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = struct.pack("<I", 8)
    with pytest.raises(InputError):
        unpack_arrays(bytes(data), "a.npz")
    assert len(zlib.compress(b"\0" * (1 << 20))) < 2000


def test_other_packings_are_refused():
    with pytest.raises(InputError, match="numpy does not write"):
        unpack_arrays(packed([("a.npy", b"")], zipfile.ZIP_LZMA), "a.npz")


def test_a_file_that_is_too_large(tmp_path):
    path = tmp_path / "a_ms.npz"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(InputError, match="larger than 64 MiB"):
        load_measurements(path)


def test_written_archives_come_back_and_are_the_same_bytes(tmp_path):
    arrays = {"a": np.arange(3.0), "word": np.array("ms"), "names": np.array(["x", "yy"])}
    for name in ("one.npz", "two.npz"):
        write_arrays(tmp_path / name, arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    back = read_arrays(tmp_path / "one.npz")
    assert all(np.array_equal(back[name], array) for name, array in arrays.items())


@pytest.mark.skipif(not SHARED.exists(), reason="shared data not present")
@pytest.mark.parametrize(
    ("name", "count", "devices"),
    [
        ("nb201_latency_ms", CELLS, 23),
        ("nb201_latency_subset1999_ms", 1999, 15),
        ("fbnet_cifar100_latency_ms", 5000, 23),
    ],
)
def test_published_files_are_read(name, count, devices):
    found = load_measurements(SHARED / f"{name}.npz")
    assert (len(found.arch), len(found.devices)) == (count, devices)
