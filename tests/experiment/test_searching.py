"""One search: from files and functions to a candidate, and what is said when they cannot be used."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.algorithms.choice import AlgorithmName
from nasc_search.cli.experiment import command
from nasc_search.experiment.pool import LinkState
from nasc_search.experiment.searching import SearchOptions, search_cells
from nasc_search.spaces.nb201 import is_connected, parse_arch
from nasc_search.spaces.nb201_order import benchmark_ops
from tests.experiment.worlds import CELLS_MEASURED, accuracies, nb201_index, write_nb201

LINK = LinkState(10.0, 5.0)
_TOLD = {tuple(ops): value / 100 for ops, value in zip(benchmark_ops().tolist(), accuracies(), strict=True)}


def almost(arch):
    """A user's function: the table's, rounded."""
    return round(_TOLD[tuple(map(int, parse_arch(arch)))], 2)


def percent(arch):
    return 100 * almost(arch)


NOT_A_FUNCTION = 3
HERE = "tests.experiment.test_searching"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_nb201(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def options(folder):
    with np.load(folder / "devices_ms.npz") as file:
        limit = float(np.median(file["board"]))
    return SearchOptions(
        board=f"{folder}/devices_ms.npz:board",
        server=f"{folder}/devices_ms.npz:server",
        limit_ms=limit,
        link=LINK,
        accuracy_table=f"{folder}/accuracy.npz:cifar10_test",
        budget=40,
    )


@pytest.mark.parametrize("name", list(AlgorithmName))
def test_the_best_found_keeps_the_limit(options, name):
    heard = []
    found = search_cells(replace(options, algorithm=name), heard.append)
    assert found.latency_ms <= options.limit_ms
    assert is_connected(parse_arch(found.arch))
    assert found.evaluations == len(heard) == 40
    assert found.gap is not None
    assert found.gap >= 0
    assert any(f"{15_625 - CELLS_MEASURED} cells" in note for note in found.notes)


def test_the_model_comes_close_to_the_optimum(options):
    """Half a point of these accuracies is noise."""
    found = search_cells(replace(options, budget=60))
    assert found.gap is not None
    assert found.gap <= 0.0054
    assert found.accuracy == _TOLD[tuple(map(int, parse_arch(found.arch)))]


def test_a_function_is_compared_with_a_table(options):
    found = search_cells(replace(options, accuracy_callable=f"{HERE}:almost", budget=20))
    assert found.gap is None
    assert found.compared is not None
    assert 3 <= found.compared.samples <= 20
    assert found.compared.spearman > 0.8
    assert 0 < found.compared.mean_error <= 0.005


def test_a_function_needs_no_table(options):
    found = search_cells(replace(options, accuracy_callable=f"{HERE}:almost", accuracy_table=None, budget=12))
    assert found.compared is None
    assert found.accuracy == almost(found.arch)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_colon", "module:function"),
        ("no.such.module:function", "cannot be imported"),
        (f"{HERE}:no_such_function", "cannot be imported"),
        (f"{HERE}:NOT_A_FUNCTION", "is no function"),
        (f"{HERE}:percent", "from 0 to 1"),
    ],
)
def test_a_function_that_cannot_be_used(options, name, said):
    with pytest.raises(InputError, match=said):
        search_cells(replace(options, accuracy_callable=name))


def test_a_search_goes_on_from_its_file(options, tmp_path):
    file = tmp_path / "search.json"
    whole = search_cells(options)
    search_cells(replace(options, budget=15, resume=file))
    heard = []
    resumed = search_cells(replace(options, resume=file), heard.append)
    assert len(heard) == 25
    assert resumed == whole


def test_a_file_of_another_search_is_refused(options, tmp_path):
    file = tmp_path / "search.json"
    search_cells(replace(options, budget=12, resume=file))
    with pytest.raises(InputError, match="saved search is of"):
        search_cells(replace(options, limit_ms=options.limit_ms * 1.1, resume=file))
    with pytest.raises(InputError, match="saved search ran"):
        search_cells(replace(options, algorithm=AlgorithmName.ASNG, resume=file))


def test_a_limit_below_the_round_trip(options):
    trip = replace(options, link=LinkState(10.0, 2 * options.limit_ms), budget=15)
    found = search_cells(trip)
    assert found.cut == 19
    assert any("only the board alone" in note for note in found.notes)
    with pytest.raises(InfeasibleError, match="below the round trip"):
        search_cells(replace(trip, limit_ms=1e-6))


def test_no_candidate_keeps_the_limit(options):
    with pytest.raises(InfeasibleError, match="no candidate keeps the limit") as caught:
        search_cells(replace(options, limit_ms=1e-4, link=LinkState(10.0, 0.0)))
    assert "the fastest candidate takes" in str(caught.value)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0, 101.0])
def test_a_table_with_a_value_that_is_no_accuracy(options, tmp_path, wrong):
    values = accuracies()
    values[77] = wrong
    np.savez(tmp_path / "wrong.npz", cifar10_test=values)
    with pytest.raises(InputError, match="77"):
        search_cells(replace(options, accuracy_table=f"{tmp_path}/wrong.npz:cifar10_test"))


def test_a_table_with_missing_cells(options, tmp_path):
    index = nb201_index()
    np.savez(tmp_path / "half.npz", index=index[::2], cifar10_test=accuracies()[index[::2]])
    found = search_cells(replace(options, accuracy_table=f"{tmp_path}/half.npz:cifar10_test"))
    half = {tuple(benchmark_ops()[cell].tolist()) for cell in index[::2]}
    assert tuple(map(int, parse_arch(found.arch))) in half


def test_devices_with_no_cell_in_common(options, tmp_path):
    others = np.setdiff1d(np.arange(15_625), nb201_index())[:100]
    np.savez(tmp_path / "other_ms.npz", index=others, server=np.full(100, 3.0))
    with pytest.raises(InputError, match="no cell in common"):
        search_cells(replace(options, server=f"{tmp_path}/other_ms.npz:server"))


@pytest.mark.parametrize(
    "change",
    [{"accuracy_table": None}, {"limit_ms": 0.0}, {"limit_ms": float("nan")}, {"link": LinkState(0.0, 5.0)},
     {"link": LinkState(1.0, -1.0)}],
)  # fmt: skip
def test_options_that_make_no_sense(options, change):
    with pytest.raises(InputError):
        replace(options, **change)


def test_the_verb(options):
    line = ["search", "--space", "nb201", "--accuracy-table", options.accuracy_table, "--board", options.board,
            "--server", options.server, "--limit-ms", str(options.limit_ms), "--throughput-mbit-s", "10",
            "--round-trip-ms", "5", "--budget", "12", "--seed", "3"]  # fmt: skip
    shown = CliRunner().invoke(command, line)
    assert shown.exit_code == 0
    assert "12 evaluations by model" in shown.stdout
    assert "below the optimum" in shown.stdout
    assert "12 evaluations, best 0." in shown.stderr
    document = json.loads(CliRunner().invoke(command, [*line, "--json"]).stdout)
    assert document["arch"] in shown.stdout
    assert document["evaluations"] == 12
