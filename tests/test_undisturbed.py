"""``pytest -n`` as make test runs it, on a small suite of its own with this suite's hooks."""

import os
import subprocess
import sys
from pathlib import Path

from tests.undisturbed import UNDISTURBED, is_undisturbed

ROOT = Path(__file__).resolve().parents[1]
HOOKS = (
    "from tests.conftest import (pytest_collection_modifyitems, pytest_configure, pytest_runtest_makereport,\n"
    "                            pytest_xdist_make_scheduler)\n"
)
BODY = """
import time, pytest

def write(word):
    with open({log!r}, "a") as file:
        file.write(word + " {name}\\n")

@pytest.mark.parametrize("number", range(3))
def test_it(number):
    write("begin")
    time.sleep(0.1)
    write("end")
"""


def run(folder, files, **environment):
    (folder / "conftest.py").write_text(HOOKS)
    for name, text in files.items():
        path = folder / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [sys.executable, "-m", "pytest", "-n", "2", "-q", "--rootdir", ".", "-p", "no:cacheprovider", "tests"]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, capture_output=True, text=True,
        timeout=100,
    )  # fmt: skip


def test_what_is_undisturbed_is_last_without_a_neighbour_and_workers_keep_the_rule_of_skips(tmp_path):
    log = tmp_path / "log"
    names = ("link/test_first.py", "ir/test_one.py", "ir/test_two.py", "mqtt/test_second.py")
    files = {name: BODY.format(log=str(log), name=name) for name in names}
    skips = "import pytest\ndef test_it():\n    pytest.skip('no reason')\n"
    done = run(tmp_path, files | {"ir/test_skips.py": skips}, CI="true")
    assert "1 failed, 12 passed" in done.stdout.splitlines()[-1], done.stdout
    assert "skipped in CI" in done.stdout
    last = [line.split() for line in log.read_text().splitlines()][-12:]
    assert {name for _, name in last} == {"link/test_first.py", "mqtt/test_second.py"}
    assert [word for word, _ in last] == ["begin", "end"] * 6


def test_every_place_is_there():
    for place in UNDISTURBED:
        assert list(ROOT.glob(f"{place}*")), place


def test_who_opens_a_whole_loop_is_undisturbed():
    for path in ROOT.glob("tests/**/test_*.py"):
        if "open_loop(" in path.read_text() and path != Path(__file__):
            nodeid = path.relative_to(ROOT).as_posix()
            assert is_undisturbed(nodeid), f"{path.name} measures: name it in tests/undisturbed.py"
