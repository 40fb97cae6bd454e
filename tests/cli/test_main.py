"""The root command: help, exit codes, and errors on standard error."""

import subprocess
import sys

import pytest

import nasc_sdk
from nasc_sdk.errors import InfeasibleError, InputError, RefusedError, StorageError, UnreachableError

TIMEOUT_S = 60
# A verb of its own, made in the child: what it does is the test's argument.
VERB = """
import sys, types, click
from nasc_sdk import errors
from nasc_sdk.cli import main as root
@click.command()
@click.pass_context
def command(context):
    {body}
module = types.ModuleType("nasc_sdk.cli.verb")
module.command = command
sys.modules["nasc_sdk.cli.verb"] = module
root._VERBS["verb"] = "Do it."
sys.argv = ["nasc-sdk", "verb"]
root.main()
"""


def run(*arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)


def verb(body):
    return run("-c", VERB.format(body=body))


def test_help_and_version():
    shown = run("-m", "nasc_sdk", "--help")
    assert shown.returncode == 0
    assert "Examples:" in shown.stdout
    assert shown.stdout.index("  up ") < shown.stdout.index("  demo ")
    assert nasc_sdk.__version__ in run("-m", "nasc_sdk", "--version").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("up", "--nonsense"),
        ("train", "--batch", "0"),
        ("deploy", "--cut", "2"),
        ("infer", "--input", "x.npy", "--kernels", "reference"),
    ],
)
def test_wrong_usage_is_two(arguments):
    done = run("-m", "nasc_sdk", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage:")
    assert not done.stdout


def test_a_verb_that_ends_is_zero():
    assert verb("pass").returncode == 0


@pytest.mark.parametrize("code", [0, 1, 5])
def test_the_code_that_a_verb_ends_with_counts(code):
    """The demo says so that a promise was not held."""
    assert verb(f"context.exit({code})").returncode == code


@pytest.mark.parametrize(
    "error",
    [
        InputError("bad"),
        InfeasibleError("none", ("a",)),
        UnreachableError("pi", "silent"),
        RefusedError("no", "said no"),
        StorageError("/x", "full"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_become_codes_and_one_message(error):
    done = verb(f"raise errors.{type(error).__name__}{_facts(error)}")
    assert done.returncode == error.exit_code
    assert done.stderr.strip() == f"nasc-sdk: {error}"
    assert not done.stdout


def _facts(error):
    match error:
        case InputError():
            return "('bad')"
        case InfeasibleError():
            return ("none", error.nearest)
        case UnreachableError():
            return (error.peer, error.reason)
        case RefusedError():
            return (error.code, error.reason)
        case StorageError():
            return (error.path, error.reason)


def test_interrupted_is_130():
    done = verb("raise KeyboardInterrupt")
    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_keeps_its_traceback():
    done = verb("raise RuntimeError('ours')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # what import finds where torch is not installed
sys.argv = ["nasc-sdk", *sys.argv[1:]]
from nasc_sdk.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["demo"], "search"),
        (["train", "--steps", "1"], "search"),
        (["service"], "search"),
    ],
)
def test_a_missing_extra_is_named(arguments, extra, tmp_path):
    command = [sys.executable, "-c", WITHOUT_TORCH, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=tmp_path, check=False)
    assert done.returncode == 6, done.stderr
    assert f"pip install 'nasc-sdk[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
