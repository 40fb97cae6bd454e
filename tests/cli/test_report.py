"""The real command line in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from nasc_sdk.report.summary import Promise, save
from tests.report.summaries import summary


def nasc(*arguments: object, cwd=None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nasc_sdk", "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=cwd)


def test_defaults_are_where_the_demo_leaves_things(tmp_path):
    (tmp_path / "nasc-demo").mkdir()
    save(tmp_path / "nasc-demo/summary.json", summary())
    done = nasc(cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "nasc-demo/report.html: every promise was held\n"
    assert (tmp_path / "nasc-demo/report.html").read_text().startswith("<!doctype html>")


def test_a_broken_promise_is_said_and_the_directory_made(tmp_path):
    save(tmp_path / "s.json", summary(promises=(Promise("fast", False, "slow"),), timeline=()))
    done = nasc("--summary", tmp_path / "s.json", "--output", tmp_path / "new/page.html")
    assert done.returncode == 0, done.stderr
    assert "NOT every promise was held" in done.stdout
    assert "1 of 1 promises not held" in (tmp_path / "new/page.html").read_text()


def test_json_prints_the_summary_and_writes_nothing(tmp_path):
    save(tmp_path / "s.json", summary())
    done = nasc("--summary", tmp_path / "s.json", "--output", tmp_path / "page.html", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "s.json").read_bytes())
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("content", [None, b"", b'{"board": 3}', b"\x00\xff"])
def test_missing_or_damaged_is_bad_input(tmp_path, content):
    if content is not None:
        (tmp_path / "s.json").write_bytes(content)
    done = nasc("--summary", tmp_path / "s.json", "--output", tmp_path / "page.html")
    assert done.returncode == 3
    assert done.stderr.startswith("nasc-sdk: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "page.html").exists()


def test_a_place_that_cannot_be_written(tmp_path):
    save(tmp_path / "s.json", summary(states=(), profiles=(), timeline=()))
    done = nasc("--summary", tmp_path / "s.json", "--output", tmp_path / "s.json/page.html")
    assert done.returncode == 7
    assert "cannot write" in done.stderr
