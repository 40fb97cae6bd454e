"""``profile --sustained`` in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest

from nasc_sdk.profiling.sustain import Sustained
from nasc_sdk.profiling.sustained import State
from tests.support.tiny_models import conv_chain

# A real signal, as soon as two windows are full.
INTERRUPTED = """
import contextlib, os, signal, sys
from nasc_sdk.cli import main, profile
@contextlib.contextmanager
def bar(label, quiet=False):
    seen = []
    def move(done, total, what):
        seen.append(done)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)
    yield move
profile.progress_bar = bar
sys.argv = ["nasc-sdk", "profile", "--sustained", "--model", *sys.argv[1:]]
main.main()
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def nasc(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run("-m", "nasc_sdk", "profile", *arguments)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(conv_chain(2))
    return path


def test_a_run_too_short_to_be_steady_ends_with_status_1(model, tmp_path):
    output = tmp_path / "sustained.json"
    done = nasc("--model", model, "--sustained", "--minutes", 0.03, "--json", "--output", output)
    assert done.returncode == 1, done.stderr
    found = msgspec.json.decode(done.stdout, type=Sustained)
    assert found.comparison.state is State.NOT_STEADY
    assert len(found.windows) == 2
    assert json.loads(output.read_text()) == json.loads(done.stdout)


def test_an_interrupted_run_reports_what_was_measured(model):
    done = run("-c", INTERRUPTED, model)
    assert done.returncode == 130, done.stderr
    assert "interrupted, not steady after 2" in done.stdout
    assert "2 windows" in done.stdout
    assert "Traceback" not in done.stderr


def test_options_that_do_not_go_together(model, tmp_path):
    for arguments in (("--sustained",), ("--model", model, "--minutes", 1)):
        done = nasc(*arguments)
        assert done.returncode == 2
        assert "goes with" in done.stderr
    assert nasc("--model", model, "--sustained", "--minutes", 0).returncode == 2
    assert nasc("--model", tmp_path / "absent.tflite", "--sustained").returncode == 3
