"""``nasc-sdk train`` by two real processes: one loss curve, one checkpoint, one end."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from nasc_sdk.cli.main import cli
from nasc_search.data.registry import load_dataset
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.run_log import log_path, read_rows
from nasc_search.supernet.train import train
from tests.cli.test_train import TIMEOUT_S, arguments, pictures
from tests.cli.test_train_joint import arguments as joint_arguments

__all__ = ["pictures"]
pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
STEPS = 8
SAME = ("--batch", "8", "--precision", "float32", "--stem-stride", "2", "--evaluate", "0", "--ema", "0.9")


def losses(output):
    return [row.loss for row in read_rows(log_path(output))]


def torchrun(arguments):
    """By two processes; what the command printed."""
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*started, "-m", "nasc_sdk", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("rule", ["uniform", "sandwich"])
def test_torchrun_gives_the_curve_of_one_process(pictures, tmp_path, rule):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    same = (*SAME, "--rule", rule)
    assert CliRunner().invoke(cli, arguments(pictures, one, *same, steps=STEPS)).exit_code == 0
    done = torchrun(arguments(pictures, two, *same, steps=STEPS))
    assert done.stdout.count("sub-networks evaluated") == 1
    assert len(losses(one)) == STEPS
    assert losses(two) == pytest.approx(losses(one), rel=1e-3)
    first, second = (load(path).supernet.state_dict() for path in (one, two))
    for name, value in first.items():
        assert (second[name] - value).abs().max() < 2e-3, name


def test_weights_and_choice_are_trained_by_two_and_gone_on_with_by_one(pictures, tmp_path):
    """The same steps of theta: each process draws the same points, and their losses are those of both shares."""
    one, two = tmp_path / "one" / "s.safetensors", tmp_path / "two" / "s.safetensors"
    assert CliRunner().invoke(cli, joint_arguments(pictures, one, "--evaluate", "0", steps=4)).exit_code == 0
    torchrun(joint_arguments(pictures, two, "--evaluate", "0", steps=4))
    assert [row.entropy_bits for row in read_rows(log_path(two))] == pytest.approx(
        [row.entropy_bits for row in read_rows(log_path(one))], rel=0.1
    )
    on = CliRunner().invoke(cli, joint_arguments(pictures, two, "--evaluate", "0", "--resume", steps=4))
    assert on.exit_code == 0, on.output


def started(pictures, output, *more):
    """Two processes of one training, as torchrun would start them, that would go on for long."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-m", "nasc_sdk", *arguments(pictures, output, *SAME, *more, steps=100_000)]
    return [
        subprocess.Popen(command, env=os.environ | group | {"RANK": str(rank)}, stderr=subprocess.PIPE)
        for rank in range(2)
    ]


def end(*processes):
    for process in processes:
        process.kill()
        process.wait(TIMEOUT_S)
        process.stderr.close()


def one_more_step(pictures, output, resume=True):
    """The same training by this process alone, until its first report."""

    def stop(_):
        raise KeyboardInterrupt

    task = load_dataset("folder", pictures, need_train=True)
    supernet = Supernet(NB201Space(Macro(task.input, 2, channels=2, stem_stride=2)))
    options = TrainOptions(100_000, 8, ema_decay=0.9)
    with pytest.raises(KeyboardInterrupt):
        train(supernet, task, options, output, stop, resume)


def test_a_killed_process_ends_the_other_with_nothing_lost(pictures, tmp_path):
    output = tmp_path / "supernet.safetensors"
    first, second = started(pictures, output)
    try:
        assert first.stderr.read(5) == b"\rstep"
        second.kill()
        said = first.communicate(timeout=TIMEOUT_S)[1]
        # A peer that is gone is exit status 4, and what was learned until then is saved.
        assert first.returncode == 4, said
        assert b"it is gone or silent" in said
        assert b"--resume" in said
        assert b"Traceback" not in said
    finally:
        end(first, second)
    stopped = load(output).progress.step
    assert 0 < stopped < 100_000
    assert len(losses(output)) == -(-stopped // 100)
    one_more_step(pictures, output)
    assert load(output).progress.step > stopped


def test_ctrl_c_at_one_ends_both_and_one_goes_on_with_what_the_other_began(pictures, tmp_path):
    output = tmp_path / "supernet.safetensors"
    one_more_step(pictures, output, resume=False)
    begun = load(output).progress.step
    first, second = started(pictures, output, "--resume")
    try:
        assert first.stderr.read(5) == b"\rstep"
        second.send_signal(signal.SIGINT)
        said = first.communicate(timeout=TIMEOUT_S)[1], second.communicate(timeout=TIMEOUT_S)[1]
        assert (first.returncode, second.returncode) == (130, 130), said
        assert b"--resume" in said[0]
        assert b"--resume" not in said[1]
    finally:
        end(first, second)
    stopped = load(output).progress.step
    assert stopped > begun
    one_more_step(pictures, output)
    assert load(output).progress.step > stopped
