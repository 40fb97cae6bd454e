"""Checkpoints: whole or refused."""

import os

import pytest
import torch
from safetensors.torch import save as serialise

from nasc_sdk.errors import InputError, StorageError
from nasc_search.supernet.checkpoint import Progress, load, save
from nasc_search.supernet.model import Supernet
from tests.supernet.tasks import SPACE

PROGRESS = Progress("shades", 1, 3, 6, 8, 0.1)


def momentum(supernet):
    return {name: torch.ones_like(value) for name, value in supernet.named_parameters()}


@pytest.fixture
def path(tmp_path):
    supernet = Supernet(SPACE, 1)
    save(tmp_path / "deep" / "s.safetensors", supernet, PROGRESS, momentum(supernet))
    return tmp_path / "deep" / "s.safetensors"


def test_round_trip(path):
    supernet, loaded = Supernet(SPACE, 1), load(path)
    assert loaded.progress == PROGRESS
    assert loaded.supernet.space.name == SPACE.name
    assert set(loaded.momentum) == set(momentum(supernet))
    for name, value in supernet.state_dict().items():
        assert torch.equal(value, loaded.supernet.state_dict()[name])
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("keep", [0, 4, 100, 5000, -1])
def test_a_truncated_file_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="no readable checkpoint"):
        load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no readable checkpoint"):
        load(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"format": "1", "space": "fbnet"},
        {"format": "2", "space": "nb201"},
        {"format": "1", "space": "nb201"},
        {"format": "1", "space": "nb201", "macro": "[]", "progress": "{}"},
        {"format": "1", "space": "nb201", "macro": "{", "progress": "{}"},
        {"format": "1", "space": "nb201", "macro": '{"input": null}', "progress": "{}"},
    ],
)
def test_other_spaces_and_descriptions_are_refused(tmp_path, metadata):
    (tmp_path / "s").write_bytes(serialise({"weights.a": torch.zeros(1)}, metadata))
    with pytest.raises(InputError, match=r"another format or space|does not fit"):
        load(tmp_path / "s")


def test_weights_of_another_size_are_refused(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    path.write_bytes(serialise({"weights.a": torch.zeros(1)}, metadata))
    with pytest.raises(InputError, match="does not fit its own description"):
        load(path)


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        save(tmp_path / "file" / "s.safetensors", Supernet(SPACE), PROGRESS, {})
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_full_disk_leaves_the_old_file(path):
    """The file that is written beside is a link to the device that is always full."""
    before = path.read_bytes()
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    beside.symlink_to("/dev/full")
    with pytest.raises(StorageError, match="No space left"):
        save(path, Supernet(SPACE, 9), PROGRESS, {})
    assert path.read_bytes() == before
