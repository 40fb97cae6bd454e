"""``nasc-sdk train joint`` as a process would: files of cost models to a folder that the service opens."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from nasc_sdk.cli.main import cli
from nasc_sdk.cost.table import read_document, tabulate
from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.link.link import Link
from nasc_search.cli.cost_model_source import open_model
from nasc_search.data.registry import load_dataset
from nasc_search.joint.exact import search
from nasc_search.joint.table import Constraints, accuracy_key
from nasc_search.pretrained.load import load_accuracies, open_pretrained
from nasc_search.service.planner import Planner
from nasc_search.spaces.nb201 import Macro, NB201Space
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

    trained = open_pretrained(output.parent, tmp_path)
    arch = predicted["candidate"]["arch"]
    assert trained.evaluated[arch] == found["plain_accuracy"]
    planner = Planner(trained.supernet.space, trained.catalogue, trained.evaluated | trained.coded)
    space = trained.supernet.space
    board, server = (open_model(name, space) for name in ("raspi4", "titan_rtx_1"))
    table = planner.table(board, server)
    candidate = search(table, Link.fixed(20, 2), Constraints(1000.0)).chosen.candidate
    assert candidate.arch in trained.catalogue.archs
    places = [table.candidate(*place) for place in np.argwhere(table.evaluated).tolist()]
    assert any(str(place.encoding) != "int8" for place in places)
    chosen = next(
        place for place in places
        if place.arch == arch and place.cut == predicted["candidate"]["cut"]
        and place.encoding.bits == predicted["candidate"]["encoding"]["bits"]
    )  # fmt: skip
    assert table.accuracy[table.locate(chosen)] == pytest.approx(predicted["accuracy"])
    if accuracy_key(chosen) != arch:
        assert load_accuracies(output.with_name("coded.npz"))[accuracy_key(chosen)] == predicted["accuracy"]

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

    import msgspec

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
    assert isinstance(run(pictures, tmp_path / "s", limit="-1").exception, InputError)
    nothing = run(pictures, tmp_path / "s", limit="0.01")
    assert isinstance(nothing.exception, InfeasibleError)
    assert nothing.exception.exit_code == 5
    assert "the nearest" in str(nothing.exception)
    assert not list(tmp_path.iterdir())
