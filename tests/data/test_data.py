"""Data sets: the shipped one, idx files, torchvision's, folders of images."""

import gzip
import importlib.util
import struct

import numpy as np
import pytest
from PIL import Image

from nasc_sdk.errors import InputError, MissingExtraError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.data import fashion_mnist
from nasc_search.data.dataset import Split
from nasc_search.data.registry import NAMES, load_dataset
from nasc_search.data.split import held_out, statistics


def rows(split):
    return {image.tobytes() for image in split.images}


def test_the_shipped_part():
    data = load_dataset("fashion-mnist", None)
    assert (len(data.test), len(data.validation), len(data.calibration)) == (10_000, 2_000, 1_024)
    assert data.train is None
    assert data.input == TensorSpec(28, 28, 1)
    assert len(data.classes) == 10
    for split in (data.test, data.validation, data.calibration):
        assert set(split.labels.tolist()) == set(range(10))
    assert not rows(data.validation) & rows(data.calibration)
    assert not rows(data.test) & rows(data.validation)


def test_normalising():
    data = load_dataset("fashion-mnist", None)
    images = data.normalise(data.calibration.images)
    assert images.shape == (1024, 1, 28, 28)
    assert images.dtype == np.float32
    assert abs(images.mean()) < 0.05
    assert abs(images.std() - 1) < 0.05


def test_a_damaged_shipped_file_is_refused():
    with pytest.raises(InputError, match="damaged"):
        fashion_mnist._npz(b"PK\x03\x04 truncated", "test")
    with pytest.raises(InputError, match="damaged"):
        fashion_mnist._npz(b"", "test")


def idx(values):
    header = struct.pack(f">{1 + values.ndim}I", 0x800 + values.ndim, *values.shape)
    return header + values.tobytes()


def idx_folder(folder, count=6100):
    rng = np.random.default_rng(0)
    for part, number in (("train", count), ("t10k", 20)):
        images = rng.integers(0, 256, (number, 4, 4)).astype(np.uint8)
        labels = rng.integers(0, 10, number).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return folder


def test_idx_files(tmp_path):
    data = load_dataset("fashion-mnist", idx_folder(tmp_path), need_train=True)
    assert (len(data.train), len(data.validation), len(data.calibration), len(data.test)) == (1100, 2000, 1024, 20)
    assert data.input == TensorSpec(4, 4, 1)
    assert not rows(data.train) & rows(data.validation)
    assert rows(data.calibration) <= rows(data.train)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"no gzip at all",
        lambda data: gzip.compress(gzip.decompress(data)[:-7]),
        lambda data: gzip.compress(gzip.decompress(data)[:6]),
        lambda data: gzip.compress(gzip.decompress(data) + b"x"),
        lambda data: gzip.compress(b"\0\0\x0d\x03" + gzip.decompress(data)[4:]),
        lambda data: data[:12] + bytes(byte ^ 255 for byte in data[12:22]) + data[22:],
    ],
)
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
def test_damaged_idx_files_are_refused(tmp_path, damage, name):
    path = idx_folder(tmp_path) / name
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="is no idx file"):
        load_dataset("fashion-mnist", tmp_path, need_train=True)


def test_missing_and_too_few_idx_files(tmp_path):
    with pytest.raises(InputError, match="is not there; install"):
        load_dataset("fashion-mnist", tmp_path / "none", need_train=True)
    with pytest.raises(InputError, match="needed at least"):
        load_dataset("fashion-mnist", idx_folder(tmp_path, 6000), need_train=True)


def test_cifar_names_its_extra(tmp_path):
    assert importlib.util.find_spec("torchvision") is None
    for name in ("cifar10", "cifar100"):
        with pytest.raises(MissingExtraError, match=r"nasc-sdk\[cifar\]"):
            load_dataset(name, tmp_path)


def test_unknown_names_and_missing_folders():
    with pytest.raises(InputError, match="no data set 'mnist'"):
        load_dataset("mnist", None)
    for name in NAMES[1:]:
        with pytest.raises(InputError, match="needs --data FOLDER"):
            load_dataset(name, None)


def write_images(folder, mode="L", count=12, classes=("cat", "dog")):
    rng = np.random.default_rng(0)
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            shape = (9, 7) if mode == "L" else (9, 7, len(mode))
            values = rng.integers(0, 100, shape) + 100 * label
            Image.fromarray(values.astype(np.uint8)).save(folder / name / f"{index}.png")
    return folder


def test_grey_images_have_one_channel(tmp_path):
    data = load_dataset("folder", write_images(tmp_path / "pets"), need_train=True)
    assert data.name == "pets"
    assert data.classes == ("cat", "dog")
    assert data.input == TensorSpec(32, 32, 1)
    assert len(data.train) + len(data.validation) + len(data.test) == 24
    assert not rows(data.train) & (rows(data.test) | rows(data.validation))


def test_one_coloured_image_makes_all_of_them_coloured(tmp_path):
    folder = write_images(tmp_path)
    Image.new("RGB", (5, 5), (200, 10, 10)).save(folder / "cat" / "red.png")
    (folder / "cat" / "notes.txt").write_text("no image")
    (folder / ".hidden").mkdir()
    data = load_dataset("folder", folder)
    assert data.input == TensorSpec(32, 32, 3)
    assert data.classes == ("cat", "dog")
    assert len(data.mean) == len(data.std) == 3


def test_transparent_parts_are_white(tmp_path):
    folder = write_images(tmp_path, classes=("a", "b"))
    for index in range(30):
        Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(folder / "b" / f"clear{index}.png")
    data = load_dataset("folder", folder)
    white = np.concatenate([part.images for part in (data.train, data.validation, data.test)]).min(axis=(1, 2, 3))
    assert (white == 255).sum() == 30


@pytest.mark.parametrize("content", [b"", b"not a png", b"\x89PNG\r\n\x1a\n garbage", None])
def test_an_unreadable_image_is_named(tmp_path, content):
    folder = write_images(tmp_path)
    if content is None:
        content = (folder / "dog" / "1.png").read_bytes()[:-40]
    (folder / "dog" / "bad.png").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.png is no readable image"):
        load_dataset("folder", folder)


def test_folders_that_hold_no_task(tmp_path):
    with pytest.raises(InputError, match="cannot be listed"):
        load_dataset("folder", tmp_path / "none")
    folder = write_images(tmp_path / "one", classes=("only",))
    with pytest.raises(InputError, match="at least two classes; there is only"):
        load_dataset("folder", folder)
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="no images in empty"):
        load_dataset("folder", folder)
    with pytest.raises(InputError, match="10 to"):
        load_dataset("folder", write_images(tmp_path / "few", count=4))


def test_held_out_is_the_same_every_time():
    images = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1)
    whole = Split(images, np.zeros(100, np.int64))
    train, validation, calibration = held_out(whole)
    assert len(train) == 90
    assert len(validation) == 10
    assert rows(calibration) == rows(train)
    assert (held_out(whole)[1].images == validation.images).all()


def test_statistics_of_constant_images():
    assert statistics(Split(np.full((3, 2, 2, 1), 255, np.uint8), np.zeros(3, np.int64))) == ((1.0,), (1.0,))


@pytest.mark.parametrize("shape", [(0, 2, 2, 1), (3, 2, 2), (4, 2, 2, 1)])
def test_images_and_labels_belong_together(shape):
    with pytest.raises(InputError, match="do not belong together"):
        Split(np.zeros(shape, np.uint8), np.zeros(3 if shape[0] else 0, np.int64))


def test_the_licence_is_shipped():
    from importlib.resources import files

    text = files("nasc_search.data").joinpath("fashion_mnist", "LICENSE").read_text()
    assert "MIT" in text
