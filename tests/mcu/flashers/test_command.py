import sys
import time

import pytest

from nasc_sdk.errors import FlashError
from nasc_sdk.mcu.flashers.command import first_complaint, run_command


def test_a_tool_that_hangs_is_ended_and_what_it_said_is_told():
    program = "import time; print('Error: no answer', flush=True); time.sleep(60)"
    started_s = time.monotonic()
    with pytest.raises(FlashError, match=r"did not finish within 1 s; it said: Error: no answer"):
        run_command((sys.executable, "-c", program), timeout_s=1.0)
    assert time.monotonic() - started_s < 20


def test_a_tool_that_crashes():
    with pytest.raises(FlashError, match=r"crashed \(SIGKILL\): it said nothing"):
        run_command((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))


def test_a_tool_that_cannot_be_run(tmp_path):
    with pytest.raises(FlashError, match="cannot be run"):
        run_command((str(tmp_path / "absent"),))


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("", ""),
        ("one\ntwo\n", "two"),
        ("a\n\x1b[31mFatal error: x\x1b[0m\nb", "Fatal error: x"),
        ("NOTE: connection may fail\nWarning: it failed\nA fatal error occurred", "A fatal error occurred"),
        ("Wrote address 0x300 (16.35%) Failed to verify", "Failed to verify"),
        ("Writing... (3 %)\rWriting... (4 %)\rTimed out: no such device\n", "Timed out: no such device"),
        ("error " + "x" * 1000, ("error " + "x" * 1000)[:300]),
    ],
)
def test_the_first_complaint_is_quoted(said, quoted):
    assert first_complaint(said) == quoted
