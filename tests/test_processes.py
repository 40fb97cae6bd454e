"""Child processes by verb: ready when they say so, their last words when they do not."""

import os
import signal
import sys

import pytest

from nasc_sdk.errors import StorageError, UnreachableError
from nasc_sdk.processes import Child, Family, describe_exit


def test_a_child_that_ends_at_once_says_why(tmp_path):
    with Family(tmp_path) as family, pytest.raises(UnreachableError, match=r"ended before .*nonsense"):
        family.start("bad", "nonsense", timeout_s=30.0)
    assert not family.children[0].running
    assert family.dead() == tuple(family.children)


def test_a_child_that_refuses_its_input_hands_on_why(tmp_path):
    link = ("--throughput-mbit-s", "1", "--round-trip-ms", "1")
    with Family(tmp_path) as family, pytest.raises(UnreachableError, match="no such map") as caught:
        family.start("map", "map", "lookup", str(tmp_path / "no such map"), *link, timeout_s=30.0)
    assert caught.value.exit_code in (2, 3)


def test_a_child_may_say_what_takes_long(tmp_path, monkeypatch):
    """Each line gives it the whole time anew."""
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import json, time\n"
        "for left in (2, 1):\n    print(json.dumps({'starting': f'{left} left'}), flush=True)\n    time.sleep(1.5)\n"
        "print(json.dumps({'ready': True}), flush=True)\n"
    )
    monkeypatch.setattr("sys.executable", str(_python_that_runs(slow)))
    heard = []
    with Family(tmp_path) as family:
        _, document = family.start("slow", "", timeout_s=2.5, tell=heard.append)
    assert document == {"ready": True}
    assert heard == ["2 left", "1 left"]


def _python_that_runs(program):
    """An executable that runs this whatever it is told."""
    script = program.with_suffix(".sh")
    script.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S {program}\n")
    script.chmod(0o755)
    return script


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


def test_a_child_has_a_group_of_its_own_in_our_session(tmp_path):
    """The group keeps Ctrl-C from it; Linux shares processor time by session: in it a nice child gives way."""
    child = Child("broker", ["broker", "--help"], tmp_path / "log")
    assert os.getpgid(child.pid) == child.pid
    assert os.getsid(child.pid) == os.getsid(0)
    child.stop()


def test_a_child_that_says_something_else_is_not_ready(tmp_path):
    with Family(tmp_path) as family, pytest.raises(UnreachableError, match="did not say that it is ready"):
        family.start("help", "--help", timeout_s=30.0)


def test_a_log_that_cannot_be_written_starts_nothing(tmp_path):
    with pytest.raises(StorageError):
        Child("x", ["--help"], tmp_path / "none" / "x.log")


def test_exit_states_are_worded():
    assert describe_exit(-11) == "crashed (SIGSEGV)"
    assert describe_exit(3) == "ended with status 3"
