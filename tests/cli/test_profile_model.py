"""The real command line in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from nasc_sdk.profiling.profile import Profile
from tests.profiling.boards import PMIC, add_vcgencmd, says
from tests.support.runtimes import RUNTIMES
from tests.support.tiny_models import conv_chain, custom_op, two_inputs


def nasc(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nasc_sdk", *map(str, arguments)]
    env = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(conv_chain(2))
    return path


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_table_of_operators(model, runtime):
    done = nasc("profile", "--model", model, "--runtime", runtime, "--kernels", "builtin", "--rounds", 2)
    assert done.returncode == 0, done.stderr
    assert f"{runtime} 2." in done.stdout
    assert done.stdout.count("CONV_2D") == 2
    assert "no --input given: random int8 values" in done.stdout
    assert "operators add up to" in done.stdout


def test_json_is_a_profile_and_the_file_is_the_same(model, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(0, 1, (3, 8, 8, 4)))
    output = tmp_path / "profile.json"
    arguments = ("--input", tmp_path / "x.npy", "--json", "--output", output, "--rounds", 2)
    done = nasc("profile", "--model", model, *arguments)
    assert done.returncode == 0, done.stderr
    profile = msgspec.json.decode(done.stdout, type=Profile)
    assert json.loads(output.read_text()) == json.loads(done.stdout)
    (head,) = profile.heads
    assert head.title == "net.tflite"
    assert len(head.ops) == 4
    assert f"input: first sample of {tmp_path / 'x.npy'}" in profile.notes


def test_the_power_of_a_board_that_tells_it_by_a_command(model, tmp_path):
    path = f"{add_vcgencmd(tmp_path / 'bin', says(PMIC))}{os.pathsep}{os.environ['PATH']}"
    done = nasc("profile", "--model", model, "--rounds", 1, PATH=path)
    assert done.returncode == 0, done.stderr
    assert "power: busy 1.57 W, idle 1.57 W (measured: Raspberry Pi PMIC" in done.stdout
    assert "does it feed the board?" in done.stdout


def test_without_a_sensor_it_says_what_is_assumed(model, tmp_path):
    path = f"{add_vcgencmd(tmp_path / 'bin', 'exit 255')}{os.pathsep}{os.environ['PATH']}"
    done = nasc("profile", "--model", model, "--rounds", 1, PATH=path)
    assert done.returncode == 0, done.stderr
    assert "power: no sensor; searches for least energy assume busy 3.60 W, idle 2.70 W (assumed" in done.stdout


def test_a_float_model_is_measured_too(tmp_path):
    path = tmp_path / "float.tflite"
    path.write_bytes(conv_chain(quantized=False))
    done = nasc("profile", "--model", path, "--rounds", 1)
    assert done.returncode == 0, done.stderr
    assert "random float32 values" in done.stdout


BAD_MODELS = {
    "empty": b"",
    "text": b"this is not a model" * 10,
    "cut": conv_chain(2)[:900],
    "custom": custom_op(),
    "wide": two_inputs(),
    "damaged": conv_chain(2)[:300] + b"\xff" * 200 + conv_chain(2)[500:],
}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("kind", BAD_MODELS)
def test_bad_models_are_input_errors_that_name_the_file(tmp_path, kind, runtime):
    path = tmp_path / f"{kind}.tflite"
    path.write_bytes(BAD_MODELS[kind])
    done = nasc("profile", "--model", path, "--runtime", runtime)
    assert done.returncode == 3, done.stderr
    assert f"nasc-sdk: {path}" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_bad_files_and_options(model, tmp_path):
    assert nasc("profile", "--model", tmp_path / "absent.tflite").returncode == 3
    assert nasc("profile", "--model", tmp_path).returncode == 3
    assert nasc("profile", "--model", model, "--input", tmp_path / "absent.npy").returncode == 3
    assert nasc("profile", "--input", "x.npy").returncode == 2
    assert nasc("profile", "--model", model, "--rounds", 0).returncode == 2
    unwritable = tmp_path / "absent" / "profile.json"
    assert nasc("profile", "--model", model, "--rounds", 1, "--output", unwritable).returncode == 7
