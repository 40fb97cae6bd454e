"""Verbs that take a microcontroller, on an emulated one: boards, profile --board, infer --board."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from nasc_sdk.mcu.boards import find_board, firmware_folder
from nasc_sdk.mcu.build import build
from nasc_sdk.mcu.emulator import EmulatedBoard
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.cli.test_profile_model import nasc as run
from tests.support.operator_models import rescale
from tests.support.tiny_models import conv_chain

BOARD = "mps2-an386"
TOOLS = (find_board(BOARD).build.compiler, find_board(BOARD).emulator.command)
MISSING = next((tool for tool in TOOLS if shutil.which(tool) is None), "")
emulated = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} is not installed")


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "head.tflite"
    path.write_bytes(conv_chain(2))
    return path


def test_every_board_is_listed_with_its_figures():
    found = run("boards")
    assert found.returncode == 0
    line = next(line for line in found.stdout.splitlines() if line.startswith(BOARD))
    for word in ("cortex-m4", "dsp", "25 MHz", "256 KB", "115200 baud"):
        assert word in line
    assert json.loads(run("boards", "--json").stdout)[BOARD]["core"] == "cortex-m4"


def test_own_boards_join_the_known_ones(tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text((firmware_folder() / "boards" / f"{BOARD}.toml").read_text())
    assert "mine" in run("boards", "--boards", tmp_path).stdout
    assert "mine" in run("boards", NASC_BOARDS=str(tmp_path)).stdout
    own.write_text("title = 3")
    found = run("boards", "--boards", tmp_path)
    assert found.returncode == 3
    assert f"{own} describes no board" in found.stderr


def test_a_board_that_nobody_knows(model):
    found = run("profile", "--board", "toaster", "--model", model)
    assert "no board 'toaster'" in found.stderr
    assert BOARD in found.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("profile", "--board", BOARD), "an emulated board needs --model"),
        (("profile", "--board", BOARD, "--model", "x", "--sustained", "--input", "x"), "--input, --sustained: not"),
        (("profile", "--board", BOARD, "--model", "x", "--top", "3"), "--top: only for the blocks of a device"),
        (("profile", "--model", "x", "--coverage", "small"), "--coverage: only for the blocks of a device"),
        (("profile", "--board", BOARD, "--model", "x", "--kernels", "builtin"), "--kernels: not on a microcontroller"),
        (("infer", "--board", BOARD, "--input", "x"), "needs --model"),
        (
            ("infer", "--port", "p", "--model", "x", "--input", "x", "--output", "y", "--runtime", "auto"),
            "--runtime: not on a microcontroller",
        ),
    ],
)
def test_options_that_do_not_go_together(words, reason):
    found = run(*words)
    assert found.returncode == 2
    assert reason in found.stderr


@emulated
@pytest.mark.system
def test_profile_shows_instructions_of_each_operator(model, tmp_path):
    found = run("profile", "--board", BOARD, "--model", model, "--rounds", 2)
    assert found.returncode == 0, found.stderr
    assert "min instructions  median instructions  max instructions" in found.stdout
    assert " ms" not in found.stdout
    assert "the same bytes as TFLite's reference kernels" in found.stdout
    document = json.loads(run("profile", "--board", BOARD, "--model", model, "--json").stdout)
    assert document["exact"] is True
    assert [operator["operator"] for operator in document["operators"]] == ["CONV_2D", "ADD"] * 2
    assert document["macs"] == sum(operator["macs"] for operator in document["operators"]) == 2 * 64 * 4 * 36
    assert document["profile"]["conditions"]["unit"] == "instructions"
    assert all(0 < each["minimum"] <= each["count"] <= each["maximum"] for each in document["operators"])


@emulated
@pytest.mark.system
@pytest.mark.parametrize("real", [False, True])
def test_infer_gives_what_the_reference_kernels_give(model, tmp_path, real):
    images, outputs = tmp_path / "x.npy", tmp_path / "y.npy"
    session = open_runtime("auto").load(model.read_bytes(), kernels=Kernels.REFERENCE)
    stored = np.random.default_rng(0).integers(-128, 128, (3, *session.inputs[0].shape[1:])).astype(np.int8)
    np.save(images, stored)
    words = ["infer", "--board", BOARD, "--model", model, "--input", images, "--output", outputs]
    words += ["--real-output"] if real else []
    found = run(*words)
    assert found.returncode == 0, found.stderr
    assert "instructions median a run" in found.stdout
    operators = json.loads(run(*words, "--json").stdout)["operators"]
    assert [operator["operator"] for operator in operators] == ["CONV_2D", "ADD"] * 2
    assert all(operator["count"] > 0 and operator["unit"] == "instructions" for operator in operators)
    info = session.outputs[0]
    expected = np.concatenate([session.run(one[None]) for one in stored])
    if real:
        expected = (expected.astype(np.float32) - info.zero_point) * np.float32(info.scale)
    np.testing.assert_array_equal(np.load(outputs), expected)


@emulated
@pytest.mark.system
def test_an_input_of_another_shape_is_refused(tmp_path):
    path = tmp_path / "head.tflite"
    path.write_bytes(rescale())
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.int8))
    words = ("--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    found = run("infer", "--board", BOARD, "--model", path, *words)
    assert "the model takes Nx5x5x3" in found.stderr
    assert not (tmp_path / "y.npy").exists()


@pytest.mark.parametrize("board", [("--board", BOARD), ()])
def test_a_port_that_is_not_there(model, board):
    found = run("profile", *board, "--port", "/dev/nothing", "--model", model)
    assert found.returncode == 4
    assert "no such port" in found.stderr


@pytest.mark.parametrize("of_a_model", [True, False])
def test_a_board_that_is_not_emulated_and_not_attached(model, of_a_model):
    found = run("profile", "--board", "nucleo-f446re", *(("--model", model) if of_a_model else ()))
    assert found.returncode == 3
    assert "no nucleo-f446re is attached" in found.stderr


@emulated
@pytest.mark.system
def test_a_port_alone_tells_which_board_it_is(model, tmp_path):
    board = find_board(BOARD)
    with EmulatedBoard(board, build(board, tmp_path).elf) as machine:
        found = run("profile", "--port", machine.port, "--model", model, "--rounds", 1)
        present = run("profile", "--port", machine.port, "--rounds", 1)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"{BOARD}: ")
    # What speaks at a port may be a board of metal: its counts are the ticks it says they are.
    assert "median ticks" in found.stdout
    # Nobody has to know the model of the head that is there.
    assert present.returncode == 0, present.stderr
    assert present.stdout.count("operator") == 4
    assert "conv0" in present.stdout


@emulated
@pytest.mark.system
def test_an_emulated_board_ends_with_the_verb_that_started_it(model):
    command = [sys.executable, "-m", "nasc_sdk", "profile", "--board", BOARD, "--model", model, "--rounds", "1000"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as verb:
        machine, deadline = None, time.monotonic() + 60
        while machine is None and time.monotonic() < deadline:
            children = psutil.Process(verb.pid).children()
            machine = next((child for child in children if child.name().startswith("qemu")), None)
            time.sleep(0.05)
        assert machine is not None
        verb.terminate()
        assert verb.wait(20) == 128 + signal.SIGTERM
    machine.wait(10)
