"""``nasc-sdk train joint`` as a process would: files of cost models to a folder that the service opens."""

import json
from dataclasses import dataclass

import msgspec
import pytest
from click.testing import CliRunner

from nasc_sdk.candidate import Candidate
from nasc_sdk.cli.main import cli
from nasc_sdk.cost.table import read_document, tabulate
from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.cli.cost_model_source import open_model
from nasc_search.data.registry import load_dataset
from nasc_search.joint.catalogue import build_catalogue
from nasc_search.pretrained.load import load_accuracies
from nasc_search.service.planner import Planner
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.run_log import log_path, read_rows
from tests.cli.test_train import pictures

__all__ = ["pictures"]
pytestmark = pytest.mark.system


def arguments(pictures, output, *more, board="raspi4", limit="1000", steps=20):
    return [
        "train", "joint", "--board", str(board), "--server", "titan_rtx_1", "--limit-ms", limit,
        "--throughput-mbit-s", "20", "--round-trip-ms", "2", "--dataset", "folder", "--data", str(pictures),
        "--channels", "4", "--cells", "1", "--stem-stride", "2", "--steps", str(steps), "--batch", "8",
        "--threads", "1", "--output", str(output), *more,
    ]  # fmt: skip


@dataclass(frozen=True)
class Some:
    """A part of a space: listing all of it takes as long as training a little."""

    space: NB201Space
    archs: tuple[str, ...]

    def __getattr__(self, name):
        return getattr(self.space, name)


def candidate_of(document):
    return msgspec.convert(document, Candidate)


def run(*given, **more):
    return CliRunner().invoke(cli, arguments(*given, **more))


def test_it_leaves_what_the_service_opens_and_deploys(pictures, tmp_path):
    output = tmp_path / "run" / "supernet.safetensors"
    done = run(pictures, output, "--evaluate", "25", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    found, predicted = answer["found"], answer["found"]["predicted"]
    assert "theta " in done.stderr
    assert "bits, mode " in done.stderr
    assert predicted["limited_ms"] <= 1000
    assert predicted["feasible"]
    assert read_rows(log_path(output))[-1].entropy_bits == pytest.approx(found["spread"]["entropy_bits"])

    whole, coded = (load_accuracies(output.with_name(name)) for name in ("accuracy.npz", "coded.npz"))
    chosen = candidate_of(predicted["candidate"])
    assert whole[chosen.arch] == found["plain_accuracy"]
    assert len(whole) >= 25
    space = load(output).supernet.space
    planner = Planner(space, build_catalogue(Some(space, tuple(whole))), whole | coded)
    table = planner.table(open_model("raspi4", space), open_model("titan_rtx_1", space))
    place = table.locate(chosen)
    assert table.evaluated[place]
    assert table.accuracy[place] == predicted["accuracy"]

    # Text, from the finished checkpoint; nothing is written over by mistake.
    text = run(pictures, output, "--evaluate", "0", "--resume")
    assert text.exit_code == 0, text.output
    assert "nasc-sdk deploy --limit-ms 1000 --arch '|" in text.stdout
    assert "--resume" in str(run(pictures, output).exception)


def test_a_cost_model_from_a_file(pictures, tmp_path):
    """As ``cost-model export`` writes it; with another one the checkpoint is of another run."""
    output, board = tmp_path / "s.safetensors", tmp_path / "board.json"
    task = load_dataset("folder", pictures, need_train=True)
    space = NB201Space(Macro(task.input, 2, 4, 1, 2))
    document = tabulate(open_model("raspi4", space), ())

    write_durably(board, msgspec.json.encode(document))
    assert read_document(board) == document
    assert run(pictures, output, "--evaluate", "0", board=board, steps=2).exit_code == 0
    other = run(pictures, output, "--evaluate", "0", "--resume", board="pixel3", steps=2)
    assert "of another run" in str(other.exception)
    board.write_bytes(board.read_bytes()[:-40])
    damaged = run(pictures, tmp_path / "t", board=board)
    assert isinstance(damaged.exception, InputError)
    assert "not a cost model" in str(damaged.exception)
    missing = run(pictures, tmp_path / "t", board=tmp_path / "none.json")
    assert isinstance(missing.exception, InputError)
    assert not (tmp_path / "t").exists()


def test_input_that_makes_no_sense(pictures, tmp_path):
    unknown = run(pictures, tmp_path / "s", board="toaster")
    assert "there are" in str(unknown.exception)
    uneven = run(pictures, tmp_path / "s", "--round-trip-ms", "3")
    assert "as many throughput as round-trip samples" in str(uneven.exception)
    assert run(pictures, tmp_path / "s", limit="-1").exit_code == 2
    nothing = run(pictures, tmp_path / "s", limit="0.01")
    assert isinstance(nothing.exception, InfeasibleError)
    assert nothing.exception.exit_code == 5
    assert "the nearest" in str(nothing.exception)
    assert not list(tmp_path.iterdir())
