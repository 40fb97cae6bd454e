import subprocess

import pytest

from tests.firmware.smp.building import build


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build(tmp_path_factory.mktemp("fuzz"), "fuzz")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_crashes_the_board_and_it_answers_afterwards(program, seed):
    done = subprocess.run([program, str(seed), "100000"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    answered = int(done.stdout.split()[0])
    # Both kinds were tried: frames that reach the commands, and frames that do not.
    assert 20_000 < answered < 90_000
