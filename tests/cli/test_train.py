"""``nasc-sdk train`` as a process: a folder of images to a folder that the service opens."""

import hashlib
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nasc_sdk.cli.main import cli
from nasc_sdk.errors import InputError, StorageError
from nasc_search.pretrained import finalists
from nasc_search.pretrained.load import load_accuracies, open_pretrained, save_accuracies
from nasc_search.service.planner import Planner
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.own_weights import OwnWeights

pytestmark = pytest.mark.system
TIMEOUT_S = 90


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (folder / name).mkdir()
        for index in range(20):
            values = rng.integers(0, 100, (8, 8)) + 120 * label
            Image.fromarray(values.astype(np.uint8)).save(folder / name / f"{index}.png")
    return folder


def arguments(pictures, output, *more, steps=4):
    return [
        "train", "--dataset", "folder", "--data", str(pictures), "--channels", "2", "--cells", "1", "--steps",
        str(steps), "--batch", "2", "--threads", "1", "--output", str(output), *more,
    ]  # fmt: skip


def run(*given):
    return CliRunner().invoke(cli, arguments(*given))


def test_training_leaves_what_the_service_opens(pictures, tmp_path):
    output = tmp_path / "run" / "supernet.safetensors"
    beside = output.with_name("accuracy.npz")
    done = run(pictures, output, "--evaluate", "3", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["evaluated"] == 3
    assert "step 4/4" in done.stderr
    assert load(output).progress.step == 4
    accuracies = load_accuracies(beside)
    assert all(0 <= value <= 1 for value in accuracies.values())

    # A resumed and finished training keeps its accuracies; a new one makes them worthless.
    save_accuracies(beside, dict.fromkeys(accuracies, 0.123))
    assert run(pictures, output, "--evaluate", "3", "--resume").exit_code == 0
    assert set(load_accuracies(beside).values()) == {0.123}
    # Nothing is written over by mistake.
    again = run(pictures, output, "--evaluate", "0")
    assert isinstance(again.exception, InputError)
    assert "--resume" in str(again.exception)
    assert beside.exists()
    output.unlink()
    assert run(pictures, output, "--evaluate", "0").exit_code == 0
    assert not beside.exists()


def made_up(evaluated):
    """Enough for a predictor."""
    return dict.fromkeys(("0123456", *(str(op) * 7 for op in range(9))), 0.5) | evaluated


def fbnet(pictures, output, *more):
    return CliRunner().invoke(cli, [
        "train", "--dataset", "folder", "--data", str(pictures), "--space", "fbnet", "--steps", "2", "--batch", "2",
        "--threads", "1", "--output", str(output), *more,
    ])  # fmt: skip


def test_fbnet_is_trained_and_leaves_what_the_service_opens(pictures, tmp_path):
    output = tmp_path / "supernet.safetensors"
    small = ("--width", "0.2", "--depth", "1", "--skeleton", "imagenet")
    done = fbnet(pictures, output, *small, "--evaluate", "2", "--json")
    assert done.exit_code == 0, done.output
    name = json.loads(done.stdout)["space"]
    assert name.startswith("fbnet-32x32x1-w0.2-d1.1.1.1.1.1.1-s2.1.2.2.2.1.2.1-h1984-k2")
    assert load(output).supernet.space.name == name
    assert {len(arch) for arch in load_accuracies(output.with_name("accuracy.npz"))} == {7}
    trained = open_pretrained(tmp_path, tmp_path)
    assert trained.supernet.space.name == trained.catalogue.space == name
    assert set(trained.evaluated) < set(trained.catalogue.archs)
    for verb in (("encoders", "--evaluate", "25"), ("winner", "--arch", "0123456")):
        common = ("--dataset", "folder", "--data", str(pictures), "--steps", "2", "--batch", "2", "--threads", "1")
        more = CliRunner().invoke(cli, ["train", verb[0], "--pretrained", str(tmp_path), *common, *verb[1:], "--json"])
        assert more.exit_code == 0, more.output
    again = open_pretrained(tmp_path, tmp_path)
    assert len(again.coded) > 20
    assert again.supernet.encoded
    planner = Planner(again.supernet.space, again.catalogue, made_up(again.evaluated) | again.coded)
    assert planner.coding_loss is not None
    # The same file is no start for cells.
    refused = run(pictures, output, "--resume")
    assert isinstance(refused.exception, InputError)
    assert "of another run" in str(refused.exception)


@pytest.mark.parametrize(
    ("space", "strange"),
    [("fbnet", ("--channels", "4")), ("fbnet", ("--stem-stride", "1")), ("nb201", ("--width", "1"))],
)
def test_options_of_another_space_are_refused(pictures, tmp_path, space, strange):
    refused = fbnet(pictures, tmp_path / "s", "--space", space, *strange)
    assert isinstance(refused.exception, InputError)
    assert f"--space {space} has no {strange[0]}" in str(refused.exception)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_who_is_ended_saves_and_another_run_is_refused(pictures, tmp_path, end):
    output = tmp_path / "supernet.safetensors"
    command = [sys.executable, "-m", "nasc_sdk", *arguments(pictures, output, "--evaluate", "0", steps=100_000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr.read(5) == b"\rstep"
        process.send_signal(end)
        _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130, said
    assert b"--resume" in said
    assert b"Traceback" not in said
    assert 0 < load(output).progress.step < 100_000
    refused = run(pictures, output, "--resume")
    assert isinstance(refused.exception, InputError)
    assert "of another run" in str(refused.exception)


def test_accuracies_that_cannot_be_written_or_read(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        save_accuracies(tmp_path / "file" / "accuracy.npz", {"a": 0.5})
    save_accuracies(tmp_path / "a.npz", {"b": 0.25, "a": 0.5})
    assert load_accuracies(tmp_path / "a.npz") == {"a": 0.5, "b": 0.25}
    whole = (tmp_path / "a.npz").read_bytes()
    for damaged in (b"", whole[:50], whole[:-30]):
        (tmp_path / "a.npz").write_bytes(damaged)
        with pytest.raises(InputError, match="holds no accuracies"):
            load_accuracies(tmp_path / "a.npz")
    with pytest.raises(InputError, match="nasc-sdk train"):
        load_accuracies(tmp_path / "none.npz")


def test_the_shipped_folder_opens(tmp_path):
    trained = open_pretrained(None, tmp_path)
    assert len(trained.evaluated) >= 100
    assert set(trained.evaluated) <= set(trained.catalogue.archs)
    assert trained.progress.step == trained.progress.steps
    assert not list(tmp_path.iterdir())


def test_the_winner_is_kept_where_the_service_looks(pictures, tmp_path):
    output = tmp_path / "supernet.safetensors"
    assert run(pictures, output, "--evaluate", "2").exit_code == 0
    same = ["--dataset", "folder", "--data", str(pictures), "--batch", "8", "--threads", "1", "--json"]
    winner = ["train", "winner", "--pretrained", str(tmp_path), *same, "--steps", "30", "--ema", "0.8"]
    done = CliRunner().invoke(cli, [*winner, "--teacher", str(output)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["arch"] in load_accuracies(tmp_path / "accuracy.npz")
    assert 0 <= found["test_accuracy"] <= 1
    own, digest = tmp_path / "own", hashlib.sha256(output.read_bytes()).hexdigest()[:16]
    kept = OwnWeights(own, digest).get(found["arch"], load(output).supernet)
    assert (kept is not None) == found["kept"] == (own / "accuracy.npz").exists()
    if kept:
        assert load_accuracies(own / "accuracy.npz") == {found["arch"]: found["validation_accuracy"]}
    assert not (tmp_path / "own" / "winner.safetensors").exists()
    unknown = CliRunner().invoke(cli, [*winner, "--arch", "nonsense"])
    assert isinstance(unknown.exception, InputError)


def test_finalists_are_trained_once_and_the_best_is_told_first(pictures, tmp_path, monkeypatch):
    output = tmp_path / "supernet.safetensors"
    assert run(pictures, output, "--evaluate", "4").exit_code == 0
    same = ["--dataset", "folder", "--data", str(pictures), "--batch", "8", "--threads", "1", "--json"]
    command = ["train", "winner", "--pretrained", str(tmp_path), *same, "--steps", "5", "--finalists", "3"]
    trained, whole = [], finalists.train_winner

    def interrupted(folder, arch, *others, **options):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(arch)
        return whole(folder, arch, *others, **options)

    monkeypatch.setattr(finalists, "train_winner", interrupted)
    assert CliRunner().invoke(cli, command).exit_code == 1
    assert len(trained) == 2
    trained.clear()
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    accuracies = load_accuracies(tmp_path / "accuracy.npz")
    assert len(accuracies) == 4
    assert {one["arch"] for one in found} == set(finalists.most_promising(tmp_path, 3)) < set(accuracies)
    assert len(trained) == 1, "two of them were trained before"
    best = [max(one["validation_accuracy"], one["validation_accuracy_before"]) for one in found]
    assert best == sorted(best, reverse=True)
    assert not (tmp_path / "own" / "finalists.json").exists()
    both = CliRunner().invoke(cli, [*command, "--arch", found[0]["arch"]])
    assert both.exit_code == 2
    assert "give one of them" in both.output


def test_encoders_are_kept_where_the_service_looks(pictures, tmp_path):
    output = tmp_path / "supernet.safetensors"
    assert run(pictures, output, "--evaluate", "2").exit_code == 0
    same = ["--dataset", "folder", "--data", str(pictures), "--batch", "8", "--threads", "1", "--steps", "3"]
    encoders = ["train", "encoders", "--pretrained", str(tmp_path), *same]
    shared = CliRunner().invoke(cli, [*encoders, "--evaluate", "3", "--json"])
    assert shared.exit_code == 0, shared.output
    assert json.loads(shared.stdout)["evaluated"] == 3 == len(load_accuracies(tmp_path / "coded.npz"))
    assert load(output).supernet.encoded
    arch = next(iter(load_accuracies(tmp_path / "accuracy.npz")))
    alone = CliRunner().invoke(cli, [*encoders, "--arch", arch])
    assert alone.exit_code == 0, alone.output
    assert "without encoding" in alone.output
    one = CliRunner().invoke(cli, [*encoders, "--arch", arch, "--cut", "4", "--bits", "2", "--bottleneck", "2"])
    assert one.exit_code == 0, one.output
    trained = open_pretrained(tmp_path, tmp_path)
    assert trained.own_accuracy[arch] > 0
    assert f"{arch} cut 4 int2, 2 channels" in trained.own_accuracy
    assert set(trained.coded) == set(load_accuracies(tmp_path / "coded.npz"))
    for wrong in (["--cut", "4"], ["--arch", arch, "--cut", "99"], ["--arch", arch, "--cut", "4", "--bottleneck", "3"]):
        assert CliRunner().invoke(cli, [*encoders, *wrong]).exit_code != 0


def test_options_reach_the_training(pictures, tmp_path):
    output = tmp_path / "s.safetensors"
    more = [
        "--rule", "sandwich", "--augment", "none", "--label-smoothing", "0.1", "--ema", "0.5",
        "--precision", "float32", "--evaluate", "0",
    ]  # fmt: skip
    assert run(pictures, output, *more).exit_code == 0
    assert load(output).progress.recipe == "rule=sandwich augmentations=none label_smoothing=0.1 ema_decay=0.5"
    assert load(output).live
    other = run(pictures, output, *more, "--rule", "uniform", "--resume")
    assert "of another run" in str(other.exception)


def test_a_teacher_of_other_images_is_refused(pictures, tmp_path):
    from nasc_search.supernet.checkpoint import Progress, save
    from nasc_search.supernet.model import Supernet
    from tests.supernet.tasks import DENSE_CELL, SPACE

    other = tmp_path / "other.safetensors"
    save(other, Supernet(SPACE), Progress("shades", 0, 0, 1, 8, 0.1), {})
    for teacher, reason in ((f"{other}:{DENSE_CELL}", "trained for 8x8x1 images"), (str(other), "is not there")):
        refused = run(pictures, tmp_path / "s.safetensors", "--teacher", teacher)
        assert isinstance(refused.exception, InputError)
        assert reason in str(refused.exception)
