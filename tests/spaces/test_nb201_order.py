"""The benchmark's own numbering of its cells."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from nasc_search.spaces.nb201 import format_arch
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops

ROOT = Path(__file__).parents[2]
BENCHMARK = Path(os.environ.get("NASC_SHARED_DATA", ROOT.parent / "shared" / "data")) / "nb201_accuracy.npz"
DIGEST = "efc20b8c0d7b04db1ae693c5872f6ab5a8086a466abf23d8e7c6ac7faba8caa0"
"""SHA-256 of the table as signed bytes, row after row; written down when it was equal to the benchmark's file."""


def test_every_cell_is_there_once():
    ops = benchmark_ops()
    assert ops.shape == (CELLS, 6) == (15_625, 6)
    assert len(np.unique(ops @ (5 ** np.arange(6)))) == CELLS


def test_the_order_is_the_one_that_was_checked():
    assert hashlib.sha256(benchmark_ops().astype(np.int8).tobytes()).hexdigest() == DIGEST


def test_the_first_cell_as_the_benchmark_spells_it():
    first = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    assert format_arch(benchmark_ops()[0].tolist()) == first


def test_the_table_is_made_once_and_nobody_changes_it():
    assert benchmark_ops() is benchmark_ops()
    with pytest.raises(ValueError, match="read-only"):
        benchmark_ops()[0, 0] = 1


@pytest.mark.skipif(not BENCHMARK.exists(), reason="shared data not present")
def test_all_cells_are_where_the_benchmarks_file_has_them():
    with np.load(BENCHMARK) as data:
        assert np.array_equal(benchmark_ops(), data["ops"])
