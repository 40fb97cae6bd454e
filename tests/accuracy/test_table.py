"""Accuracies from a table: what is read, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.accuracy.table import TableSource
from nasc_search.measured.entry import Entry
from nasc_search.spaces.fbnet import FBNetMacro, FBNetSpace
from nasc_search.spaces.nb201 import Macro, NB201Space, format_arch
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops

ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = Path(os.environ.get("NASC_SHARED_DATA", ROOT.parent / "shared" / "data")) / "nb201_accuracy.npz"
CELL_SPACE = NB201Space(Macro(TensorSpec(8, 8, 1), classes=4, channels=8))
LAYERED_SPACE = FBNetSpace(FBNetMacro(TensorSpec(16, 16, 3), 4, 0.5, (1, 2, 1, 0, 0, 1, 0)))
LAYERS = len(LAYERED_SPACE.choices)
GOOD = np.linspace(10.0, 90.0, CELLS)


def cell(index):
    return format_arch(benchmark_ops()[index].tolist())


def table(tmp_path, of=CELL_SPACE, **arrays):
    np.savez(tmp_path / "table.npz", **arrays)
    return TableSource.open(Entry(tmp_path / "table.npz", "top1"), of)


def test_a_whole_table_is_in_the_benchmarks_order(tmp_path):
    source = table(tmp_path, top1=GOOD)
    assert source.name == "table table.npz:top1"
    assert len(source.known) == CELLS
    assert source.evaluate(cell(7)) == GOOD[7] / 100
    assert source.estimate([cell(0), cell(9)]).tolist() == [GOOD[0] / 100, GOOD[9] / 100]


def test_cells_that_are_missing_are_told_of_nothing(tmp_path):
    source = table(tmp_path, index=np.asarray([5, 3]), top1=np.asarray([50.0, 30.0]))
    assert source.known == {cell(5): 0.5, cell(3): 0.3}
    assert np.isnan(source.estimate([cell(3), cell(4)])).tolist() == [False, True]
    with pytest.raises(InputError) as caught:
        source.evaluate(cell(4))
    assert str(caught.value) == f"table table.npz:top1 lacks {cell(4)}"


def test_rows_of_a_layered_space(tmp_path):
    arch = np.asarray([[0] * LAYERS, [8] * LAYERS])
    source = table(tmp_path, LAYERED_SPACE, arch=arch, top1=np.asarray([71.0, 62.0]))
    assert source.known == {"0" * LAYERS: 0.71, "8" * LAYERS: 0.62}


def one_wrong(value):
    values = GOOD.copy()
    values[77] = value
    return values


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"cifar10": GOOD, "cifar100": GOOD}, r"'top1' is not there; it holds cifar10, cifar100$"),
        ({"top1": one_wrong(np.nan)}, r"1 of 15625 values are no percentages.* nan at 77; leave these"),
        ({"top1": one_wrong(100.5)}, r"100\.5 at 77"),
        ({"top1": one_wrong(-1.0)}, r"-1\.0 at 77"),
        ({"top1": GOOD / 100}, "accuracies are in per cent: multiply by 100"),
        ({"top1": GOOD[:99]}, "99 values for 15625 architectures"),
        ({"top1": GOOD.astype(str)}, "one list of numbers"),
        ({"top1": GOOD[:3], "index": np.asarray([4, 8, 4])}, "does not name each cell once"),
        ({"top1": GOOD[:2], "index": np.asarray([0, CELLS])}, "from 0 to 15624"),
        ({"top1": GOOD, "ops": benchmark_ops()[::-1]}, "not in NAS-Bench-201's order"),
        ({"top1": GOOD[:2], "arch": np.zeros((2, 22), int)}, "of fbnet, not of nb201"),
        ({"top1": GOOD, "space": "fbnet"}, "of fbnet, not of nb201"),
    ],
)
def test_tables_that_are_refused(tmp_path, arrays, said):
    with pytest.raises(InputError, match=said) as caught:
        table(tmp_path, **arrays)
    assert "table.npz" in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"arch": np.zeros((3, LAYERS), int)}, "rows 0 and 1 are the same architecture"),
        ({"arch": np.zeros((3, 22), int)}, f"'arch' of .n, {LAYERS}. integers"),
        ({"arch": np.full((3, LAYERS), 9)}, "outside 0 to 8"),
        ({"index": np.arange(3)}, "of nb201, not of fbnet"),
    ],
)
def test_rows_that_are_refused(tmp_path, arrays, said):
    with pytest.raises(InputError, match=said):
        table(tmp_path, LAYERED_SPACE, top1=np.asarray([50.0, 60.0, 70.0]), **arrays)


@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    table(tmp_path, top1=GOOD)
    path = tmp_path / "table.npz"
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match="not whole"):
        TableSource.open(Entry(path, "top1"), CELL_SPACE)


@pytest.mark.skipif(not BENCHMARK.exists(), reason="shared data not present")
def test_the_benchmarks_own_table():
    source = TableSource.open(Entry(BENCHMARK, "cifar10"), CELL_SPACE)
    told = source.estimate(CELL_SPACE.archs)
    assert len(source.known) == CELLS
    assert np.isfinite(told).all()
    assert 0.943 < told.max() < 0.945, "NAS-Bench-201's best cell reaches 94.37 % on CIFAR-10"
