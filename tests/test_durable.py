"""Files and folders that somebody relies on."""

import os
import subprocess
import sys

import pytest

from nasc_sdk.durable import sole_user, write_durably
from nasc_sdk.errors import InputError, StorageError

HOLD = """
import sys
from pathlib import Path
from nasc_sdk.durable import sole_user
with sole_user(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_no_file():
    from pathlib import Path

    with pytest.raises(StorageError, match="cannot write /"):
        write_durably(Path("/"), b"x")


def test_two_processes_do_not_share_a_folder_and_a_killed_one_lets_go(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match=f"in use by process {other.pid}"), sole_user(tmp_path):
            pass
        other.kill()
        other.wait()
    with sole_user(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    with sole_user(tmp_path):
        pass
