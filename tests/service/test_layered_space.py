"""FBNet from training to answers, every part a process of its own: a space that nobody lists, as a user meets it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nasc_sdk.cli.main import cli
from nasc_sdk.processes import Family

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
TIMEOUT_S = 300
LINK = ("--throughput-mbit-s", "100", "--round-trip-ms", "0.5")
LAYERS = 7


def pictures(folder):
    """Two classes, told by how bright they are."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for index in range(20):
            values = rng.integers(0, 100, (8, 8)) + 120 * label
            Image.fromarray(values.astype(np.uint8)).save(folder / name / f"{index}.png")
    return folder


class Cli:
    """``nasc-sdk`` against one broker; every call is a process."""

    def __init__(self, *common):
        self.common = common

    def run(self, verb, *options):
        command = [sys.executable, "-m", "nasc_sdk", verb, *self.common, *map(str, options)]
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    def ask(self, verb, *options):
        done = self.run(verb, *options, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def test_from_training_to_answers(tmp_path):
    data, pretrained = pictures(tmp_path / "pictures"), tmp_path / "run"
    done = CliRunner().invoke(cli, [
        "train", "--dataset", "folder", "--data", str(data), "--space", "fbnet", "--width", "0.2", "--depth", "1",
        "--skeleton", "imagenet", "--steps", "2", "--batch", "2", "--threads", "1", "--evaluate", "12",
        "--output", str(pretrained / "supernet.safetensors"), "--json",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    trained = json.loads(done.stdout)
    assert trained["evaluated"] == 12
    with Family(tmp_path) as family:
        _, up = family.start(
            "up", "up", "--json", "--port", "0", "--listen", "127.0.0.1:0", "--state-dir", str(tmp_path / "state"),
            "--pretrained", str(pretrained), "--dataset", "folder", "--data", str(data),
        )  # fmt: skip
        assert up["space"] == trained["space"]
        family.start(
            "agent", "agent", "--broker", up["broker"], "--board", "small", "--edge", up["edge"],
            "--state-dir", str(tmp_path / "agent"),
        )  # fmt: skip
        nasc = Cli("--broker", up["broker"])

        nasc.ask("profile", "--coverage", "small", "--rounds", "1")
        calibrated = nasc.ask("calibrate", "--rounds", "1", "--heads", "8", "--held-out", "2")
        assert calibrated["steps"][-1]["measured_heads"] == 8

        goal = ("--limit-ms", "50", *LINK)
        found = nasc.ask("search", *goal)
        assert len(found["chosen"]["candidate"]["arch"]) == LAYERS
        assert "4.8e+06 architectures were searched exactly by sums over their layers" in found["text"]
        assert found["enumerated"]["networks"] == 9**LAYERS
        assert found["enumerated"]["here"] > 0
        assert nasc.ask("map", "--limit-ms", "50")["candidates"] > 1000

        deployed = nasc.ask("deploy", *goal, "--once")["deployment"]
        assert deployed["predicted"]["evaluated"]
        by_hand = nasc.ask("deploy", *goal, "--once", "--arch", "0123456", "--cut", "5")["deployment"]["candidate"]
        assert (by_hand["arch"], by_hand["cut"]) == ("0123456", 5)
        refused = nasc.run("deploy", *goal, "--once", "--arch", "012", "--cut", "1")
        assert refused.returncode == 3
        assert "012" in refused.stderr

        np.save(tmp_path / "images.npy", np.zeros((4, 32, 32, 1), np.uint8))
        answered = nasc.ask("infer", "--input", tmp_path / "images.npy")
        assert answered["requests"] == 4
        # What was pushed by hand stays known, though the search would not list it by itself.
        assert nasc.ask("search", *goal)["deployed"]["candidate"] == by_hand
