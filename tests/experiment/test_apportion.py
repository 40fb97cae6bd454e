import numpy as np
import pytest

from nasc_sdk.ir.count import macs
from nasc_sdk.ir.network import TensorSpec
from nasc_search.experiment.anatomy import anatomy_of
from nasc_search.experiment.apportion import Apportioning, apportion, block_ms, fit, nonnegative
from nasc_search.experiment.sources import read_subject
from nasc_search.fewshot.basis import Reach
from nasc_search.measured.fbnet import LAYERS, SKIP, fixed_keys, layer_key, layer_shapes, total
from nasc_search.measured.npz import SpaceName
from nasc_search.spaces.nb201 import Macro, NB201Space, format_arch
from nasc_search.spaces.nb201_order import benchmark_ops
from tests.experiment.worlds import write_fbnet, write_nb201
from tests.fewshot.devices import FBNET_FILE, with_data


@pytest.fixture(scope="module", params=list(SpaceName))
def subject(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    if request.param is SpaceName.NB201:
        write_nb201(folder)
        names = "accuracy.npz:cifar10_test", "devices_ms.npz:board", "devices_ms.npz:server"
    else:
        write_fbnet(folder)
        names = "fbnet_accuracy.npz:top1", "fbnet_ms.npz:board", "fbnet_ms.npz:server"
    return read_subject(request.param, *(f"{folder}/{name}" for name in names))


@pytest.mark.parametrize("how", list(Apportioning))
def test_head_and_tail_add_up_to_the_total(subject, how):
    anatomy = anatomy_of(subject.space)
    for total_ms in (subject.board_ms, subject.server_ms):
        parts = apportion(anatomy, subject.arch, total_ms, fit(anatomy, subject.arch, total_ms), how)
        both = parts.head_ms + parts.tail_ms
        np.testing.assert_allclose(both, np.broadcast_to(total_ms[:, None], both.shape), rtol=1e-14)
        np.testing.assert_array_equal(parts.head_ms[:, -1], total_ms)
        np.testing.assert_array_equal(parts.tail_ms[:, -1], 0)
        np.testing.assert_array_equal(parts.head_ms[:, 0], 0)
        assert (np.diff(parts.head_ms, axis=1) >= -1e-12).all()


def test_apportionings_differ_where_totals_are_silent(subject):
    anatomy = anatomy_of(subject.space)
    fitted = fit(anatomy, subject.arch, subject.board_ms)
    heads = {
        how: apportion(anatomy, subject.arch, subject.board_ms, fitted, how).head_ms.mean(axis=0)
        for how in Apportioning
    }
    early = 5
    assert heads[Apportioning.ELEMENTS][early] > heads[Apportioning.CALLS][early]


def test_macs_are_those_of_the_networks():
    anatomy = anatomy_of(SpaceName.NB201)
    space = NB201Space(Macro(TensorSpec(32, 32, 3), classes=10, cells_per_stage=5))
    index = np.array([7, 100, 4321])
    found = anatomy.fixed_macs + anatomy.chosen_macs(index, Reach.LIVE)
    for row, cell in enumerate(index):
        network = space.network(format_arch(benchmark_ops()[cell].tolist()))
        assert found[row].sum() == macs(network)
        assert anatomy.cuts[1:] == tuple(block.output_spec for block in network.blocks)


def test_what_ran_is_read_off_the_totals(tmp_path):
    write_nb201(tmp_path)
    names = "accuracy.npz:cifar10_test", "devices_ms.npz:board", "devices_ms.npz:server"
    subject = read_subject(SpaceName.NB201, *(f"{tmp_path}/{name}" for name in names))
    anatomy = anatomy_of(SpaceName.NB201)
    assert fit(anatomy, subject.arch, subject.board_ms).reach is Reach.CONVERTED
    assert fit(anatomy, subject.arch, subject.server_ms).reach is Reach.EVERY


def test_an_additive_table_is_recovered():
    """Totals summed from a per-layer table: heads are right but for the constant, which holds what all share."""
    rng = np.random.default_rng(0)
    shapes = layer_shapes("cifar100")
    keys = {layer_key(shape, op) for shape in shapes for op in range(SKIP)}
    table = dict.fromkeys((layer_key(shape, SKIP) for shape in shapes), 0.0)
    table |= {key: float(rng.uniform(0.5, 2)) for key in sorted(keys)} | dict.fromkeys(fixed_keys("cifar100"), 0.0)
    arch = rng.integers(0, SKIP + 1, (300, LAYERS))
    totals = np.array([total(table, row.tolist(), "cifar100") for row in arch])
    anatomy = anatomy_of(SpaceName.FBNET)
    fitted = fit(anatomy, arch, totals)
    assert fitted.residual_ms < 1e-9
    parts = block_ms(anatomy, arch, fitted, Apportioning.FITTED)
    true = np.array([[table[layer_key(s, op)] for s, op in zip(shapes, row.tolist(), strict=True)] for row in arch])
    np.testing.assert_allclose(parts[:, 1:-1], true, atol=1e-9)


@with_data
def test_hwnasbenchs_layer_tables_are_exact():
    arrays = np.load(FBNET_FILE)
    anatomy, arch = anatomy_of(SpaceName.FBNET), arrays["arch"].astype(np.int64)
    assert fit(anatomy, arch, arrays["raspi4"]).residual_ms < 1e-9
    noisy = fit(anatomy, arch, arrays["titan_rtx_1"])
    assert 0.9 < noisy.r2 < 1
    assert noisy.residual_ms > 0.1


def test_no_operator_takes_less_than_nothing():
    rng = np.random.default_rng(1)
    rows = rng.uniform(size=(50, 3))
    found = nonnegative(rows, rows @ [2.0, -1.0, 3.0])
    assert (found >= 0).all()
    assert found[1] == 0
    np.testing.assert_allclose(nonnegative(rows, rows @ [2.0, 1.0, 3.0]), [2, 1, 3])
    assert not nonnegative(rows, -rows.sum(axis=1)).any()


def test_totals_that_say_nothing_fall_by_macs(subject):
    anatomy = anatomy_of(subject.space)
    totals = np.full(subject.size, 5.0)
    fitted = fit(anatomy, subject.arch, totals)
    parts = apportion(anatomy, subject.arch, totals, fitted, Apportioning.FITTED)
    assert np.isfinite(parts.head_ms).all()
