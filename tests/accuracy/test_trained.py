"""Accuracies of FBNet's sub-networks, as training leaves them."""

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.accuracy.trained import read_trained
from nasc_search.pretrained.load import load_accuracies, save_accuracies

ARCHS = {"0" * 22: 0.5, "012345678" * 2 + "8888": 0.75, "8" * 22: 0.1}


def test_what_training_saves_is_read(tmp_path):
    save_accuracies(tmp_path / "accuracy.npz", ARCHS, "fashion-mnist supernet fbnet-28x28x1-w0.25")
    found = read_trained(tmp_path / "accuracy.npz")
    read = dict(zip(("".join(map(str, code)) for code in found.codes.tolist()), found.accuracy.tolist(), strict=True))
    assert read == ARCHS == load_accuracies(tmp_path / "accuracy.npz")
    assert found.task == "fashion-mnist supernet fbnet-28x28x1-w0.25"
    save_accuracies(tmp_path / "accuracy.npz", ARCHS)
    assert "does not name" in read_trained(tmp_path / "accuracy.npz").task


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"archs": ["|nor_conv_3x3~0|"], "accuracy": [0.5]}, "no network of FBNet's 22 layers"),
        ({"archs": ["0" * 7], "accuracy": [0.5]}, "--space fbnet --depth 4"),
        ({"archs": ["9" * 22], "accuracy": [0.5]}, "no network of FBNet's"),
        ({"archs": ["0" * 22], "accuracy": [float("nan")]}, "not in 0..1"),
        ({"archs": ["0" * 22], "accuracy": [91.5]}, "91.5 of 0+ is not in 0..1"),
        ({"archs": ["0" * 22] * 2, "accuracy": [0.5] * 2}, "twice"),
        ({"archs": ["0" * 22], "accuracy": [0.5, 0.6]}, "one each"),
        ({"archs": [1], "accuracy": [0.5]}, "no evaluated sub-networks"),
        ({"accuracy": [0.5]}, "no evaluated sub-networks"),
        ({"arch": [[0] * 22], "top1": [55.0]}, "FILE.npz:KEY"),
    ],
)
def test_files_of_something_else(tmp_path, arrays, said):
    np.savez(tmp_path / "accuracy.npz", **arrays)
    with pytest.raises(InputError, match=said):
        read_trained(tmp_path / "accuracy.npz")


def test_a_file_that_is_not_whole(tmp_path):
    save_accuracies(tmp_path / "accuracy.npz", ARCHS)
    (tmp_path / "accuracy.npz").write_bytes((tmp_path / "accuracy.npz").read_bytes()[:100])
    with pytest.raises(InputError, match="not whole"):
        read_trained(tmp_path / "accuracy.npz")
