"""Child processes by verb: ready when they say so, their last words when they do not."""

import os
import signal

import pytest

from nasc_sdk.errors import StorageError, UnreachableError
from nasc_sdk.processes import Child, Family, describe_exit


def test_a_child_that_ends_at_once_says_why(tmp_path):
    with Family(tmp_path) as family, pytest.raises(UnreachableError, match=r"ended before .*nonsense"):
        family.start("bad", "nonsense", timeout_s=30.0)
    assert not family.children[0].running
    assert family.dead() == tuple(family.children)


def test_how_a_child_ended_is_known(tmp_path):
    with Family(tmp_path) as family:
        broker, _ = family.start("broker", "broker", "--json", "--port", "0", "--state-dir", str(tmp_path / "broker"))
        assert broker.end == "still running"
        os.kill(broker.pid, signal.SIGKILL)
        broker.stop()
        assert broker.end == "crashed (SIGKILL)"
    bad = Child("bad", ["nonsense"], tmp_path / "bad.log")
    bad.stop()
    assert bad.end in ("ended with status 2", "crashed (SIGTERM)")


def test_a_child_that_says_something_else_is_not_ready(tmp_path):
    with Family(tmp_path) as family, pytest.raises(UnreachableError, match="did not say that it is ready"):
        family.start("help", "--help", timeout_s=30.0)


def test_a_log_that_cannot_be_written_starts_nothing(tmp_path):
    with pytest.raises(StorageError):
        Child("x", ["--help"], tmp_path / "none" / "x.log")


def test_exit_states_are_worded():
    assert describe_exit(-11) == "crashed (SIGSEGV)"
    assert describe_exit(3) == "ended with status 3"
