"""NAS-Bench-201 as a sum: which operators run, and what the columns count."""

import numpy as np
import pytest

from nasc_search.fewshot.basis import Reach
from nasc_search.fewshot.cells import CELL_BASIS, converted
from nasc_search.measured.npz import SpaceName, load_measurements
from nasc_search.spaces.nb201 import EdgeOp
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops
from tests.fewshot.devices import NB201_FILE, with_data

EVERY = np.arange(CELLS)
NONE, SKIP, C1, C3, POOL = EdgeOp


def index_of(ops):
    return np.flatnonzero((benchmark_ops() == ops).all(axis=1))


def ran(ops, reach):
    """Edges whose operator is counted, from the columns of edges."""
    columns = CELL_BASIS.features(index_of(ops), reach)[0, 6:].reshape(6, 4)
    return "".join(str(int(edge.any())) for edge in columns)


# Edges: 0>1, 0>2, 1>2, 0>3, 1>3, 2>3.
@pytest.mark.parametrize(
    ("ops", "ran"),
    [
        pytest.param((C3, C3, C3, C3, C3, C3), "111111", id="everything reaches the output"),
        pytest.param((NONE,) * 6, "000000", id="nothing"),
        pytest.param((NONE, NONE, NONE, C3, NONE, NONE), "000100", id="only the direct edge"),
        pytest.param((C3, NONE, NONE, SKIP, NONE, NONE), "100100", id="a dangling convolution runs"),
        pytest.param((NONE, C1, NONE, SKIP, NONE, NONE), "010100", id="into the other node too"),
        pytest.param((POOL, NONE, NONE, SKIP, NONE, NONE), "000100", id="a dangling pool does not"),
        pytest.param((SKIP, NONE, NONE, C3, NONE, NONE), "000100", id="a dangling skip does not"),
        pytest.param((SKIP, NONE, C3, C1, NONE, NONE), "101100", id="a dangling chain ends in a convolution"),
        pytest.param((C3, NONE, SKIP, C1, NONE, NONE), "101100", id="skips after the convolution are no operators"),
        pytest.param((C3, NONE, POOL, C1, NONE, NONE), "000100", id="a dangling chain ends in a pool"),
        pytest.param((C3, C3, NONE, SKIP, NONE, NONE), "000100", id="two dangling chains"),
        pytest.param((C3, C3, C3, SKIP, NONE, NONE), "000100", id="a dangling sum"),
        pytest.param((C3, NONE, C3, NONE, C1, NONE), "101010", id="a chain that starts at a live node"),
        pytest.param((NONE, NONE, NONE, NONE, C3, NONE), "000000", id="the output does not depend on the input"),
        pytest.param((NONE, C3, NONE, NONE, C3, NONE), "010000", id="only the dangling chain is left"),
    ],
)
def test_what_conversion_left(ops, ran):
    assert "".join(str(int(edge)) for edge in converted(ops)) == ran


@pytest.mark.parametrize(
    ("ops", "live"),
    [
        ((C3, NONE, NONE, SKIP, NONE, NONE), "000100"),
        ((NONE, NONE, NONE, NONE, C3, NONE), "000000"),
        ((C3, C1, POOL, NONE, NONE, SKIP), "111001"),
        ((C3, C1, POOL, NONE, SKIP, NONE), "100010"),
    ],
)
def test_live_operators_lie_between_input_and_output(ops, live):
    assert ran(ops, Reach.LIVE) == live
    assert ran(ops, Reach.EVERY) == "".join(str(int(op != NONE)) for op in ops)


def test_live_is_part_of_converted_is_part_of_every():
    live, left, every = (
        CELL_BASIS.features(EVERY, reach)[:, 6:] for reach in (Reach.LIVE, Reach.CONVERTED, Reach.EVERY)
    )
    assert (live <= left).all()
    assert (left <= every).all()
    assert (live != left).any()
    assert (left != every).any()


@pytest.mark.parametrize("reach", list(Reach))
def test_columns_by_kind_are_sums_of_columns_by_edge(reach):
    features = CELL_BASIS.features(EVERY, reach)
    assert features.shape == (CELLS, len(CELL_BASIS.names))
    assert np.array_equal(features[:, 2:6], features[:, 6:].reshape(CELLS, 6, 4).sum(axis=1))
    assert (features[:, 0] == 1).all()
    # A cell of skips alone computes nothing.
    assert np.array_equal(features[:, 1] > 0, features[:, 3:6].sum(axis=1) > 0)


def test_operators_are_counted_wherever_they_are():
    rows = CELL_BASIS.operators(index_of((C3, C3, NONE, SKIP, POOL, C1)))
    assert rows.tolist() == [[1, 1, 2, 1]]


def test_macs_are_the_benchmarks():
    """NAS-Bench-201 says 220.12 and 7.78 million for the heaviest cell and for one without an operator."""
    heaviest, empty = CELL_BASIS.macs(np.concatenate([index_of((C3,) * 6), index_of((NONE,) * 6)]))
    assert heaviest == pytest.approx(220.12e6, rel=1e-4)
    assert empty == pytest.approx(7.78e6, rel=1e-3)
    assert CELL_BASIS.macs(EVERY).max() == heaviest


def test_work_is_what_a_cell_adds_in_macs():
    relative = CELL_BASIS.features(EVERY, Reach.EVERY) @ CELL_BASIS.work
    macs = CELL_BASIS.macs(EVERY)
    empty = macs[index_of((NONE,) * 6)]
    assert relative * macs.mean() == pytest.approx(macs - empty)


def test_spread_work_and_names_are_of_one_length():
    assert len(CELL_BASIS.names) == len(set(CELL_BASIS.names)) == len(CELL_BASIS.spread) == len(CELL_BASIS.work)
    assert sum(CELL_BASIS.reaches.values()) == pytest.approx(1)


def explained(device, reach):
    """Share of the variance that six coefficients explain: constant, computing or not, and operators by kind."""
    measurements = load_measurements(NB201_FILE, SpaceName.NB201)
    values = measurements.devices[device]
    features = CELL_BASIS.features(measurements.arch, reach)[:, :6]
    times, *_ = np.linalg.lstsq(features, values, rcond=None)
    return 1 - np.var(values - features @ times) / np.var(values)


@with_data
@pytest.mark.parametrize(("device", "least", "without"), [("raspi4", 0.97, 0.92), ("pixel3", 0.95, 0.90)])
def test_the_conversions_rule_explains_what_it_was_read_off(device, least, without):
    assert explained(device, Reach.CONVERTED) > least
    assert explained(device, Reach.EVERY) < without
    assert explained(device, Reach.LIVE) < without


@with_data
def test_a_device_that_ran_every_operator_is_not_explained_by_the_rule():
    assert explained("fpga", Reach.EVERY) > 0.999
    assert explained("fpga", Reach.CONVERTED) < 0.92
