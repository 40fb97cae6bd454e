import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.experiment.sources import PROXY, read_subject
from nasc_search.measured.entry import Entry
from nasc_search.measured.npz import SpaceName
from nasc_search.spaces.nb201 import is_connected
from nasc_search.spaces.nb201_order import benchmark_ops
from tests.experiment.worlds import nb201_index, write_fbnet, write_nb201


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_fbnet(write_nb201(tmp_path_factory.mktemp("files")))


def nb201(folder, accuracy="accuracy.npz:cifar10_test", board="devices_ms.npz:board", server="devices_ms.npz:server"):
    return read_subject(SpaceName.NB201, *(str(folder / name) for name in (accuracy, board, server)))


def test_rows_belong_together(folder):
    subject = nb201(folder)
    arrays = np.load(folder / "devices_ms.npz")
    place = {cell: row for row, cell in enumerate(arrays["index"].tolist())}
    rows = [place[cell] for cell in subject.arch.tolist()]
    np.testing.assert_array_equal(subject.board_ms, arrays["board"][rows])
    np.testing.assert_array_equal(subject.server_ms, arrays["server"][rows])
    np.testing.assert_array_equal(
        subject.accuracy_percent, np.load(folder / "accuracy.npz")["cifar10_test"][subject.arch]
    )


def test_disconnected_cells_are_left_out_and_said(folder):
    subject = nb201(folder)
    cells = benchmark_ops()[nb201_index()].tolist()
    apart = sum(not is_connected(ops) for ops in cells)
    assert apart > 0
    assert subject.size == len(cells) - apart
    assert all(is_connected(ops) for ops in benchmark_ops()[subject.arch].tolist())
    assert any(note.startswith(f"{apart} cells have no path") for note in subject.notes)


def test_a_name_may_lack_its_end_when_one_fits(folder, tmp_path):
    assert nb201(folder, "accuracy.npz:cifar10").size == nb201(folder).size
    np.savez(tmp_path / "two.npz", top_1=np.ones(15_625), top_2=np.ones(15_625))
    with pytest.raises(InputError, match="'top' fits several; it holds top_1, top_2"):
        read_subject(
            SpaceName.NB201, f"{tmp_path / 'two.npz'}:top", f"{folder}/devices_ms.npz:board",
            f"{folder}/devices_ms.npz:server",
        )  # fmt: skip


def test_only_what_files_share_is_used(folder, tmp_path):
    index = nb201_index()[:300]
    np.savez(tmp_path / "few_ms.npz", index=index, slow=np.linspace(1, 9, 300))
    subject = read_subject(
        SpaceName.NB201, f"{folder}/accuracy.npz:cifar10_test", f"{folder}/devices_ms.npz:board",
        f"{tmp_path}/few_ms.npz:slow",
    )  # fmt: skip
    assert set(subject.arch.tolist()) <= set(index.tolist())
    assert "300 of 600 architectures are not in all sources" in subject.notes[0]


def test_another_devices_bad_array_harms_nobody(folder, tmp_path):
    arrays = dict(np.load(folder / "devices_ms.npz"))
    np.savez(tmp_path / "devices_ms.npz", **arrays, broken=np.full(3, np.nan))
    given = [f"{folder}/accuracy.npz:cifar10_test", *(f"{tmp_path}/devices_ms.npz:{x}" for x in ("board", "server"))]
    assert read_subject(SpaceName.NB201, *given).size == nb201(folder).size


def test_fbnet_rows_and_proxy(folder):
    names = "fbnet_accuracy.npz:top1", "fbnet_ms.npz:board", "fbnet_ms.npz:server"
    table, board, server = (f"{folder}/{name}" for name in names)
    subject = read_subject(SpaceName.FBNET, table, board, server)
    arrays = np.load(folder / "fbnet_ms.npz")
    np.testing.assert_array_equal(subject.arch, arrays["arch"][subject.row])
    np.testing.assert_array_equal(subject.board_ms, arrays["board"][subject.row])
    np.testing.assert_array_equal(subject.accuracy_percent, np.load(folder / "fbnet_accuracy.npz")["top1"][subject.row])
    proxy = read_subject(SpaceName.FBNET, PROXY, board, server)
    assert (subject.is_proxy, proxy.is_proxy) == (False, True)


@pytest.mark.parametrize("text", ["file.npz", ":raspi4", "file.npz:", ""])
def test_a_source_names_file_and_array(text):
    with pytest.raises(InputError, match=r"is not FILE\.npz:NAME"):
        Entry.parse(text)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"board": "devices_ms.npz:tx2"}, "'tx2' is not there; it holds board, server"),
        ({"accuracy": "accuracy.npz:imagenet"}, "'imagenet' is not there; it holds cifar10_test"),
        ({"board": "missing_ms.npz:board"}, "cannot read"),
        ({"board": "fbnet_ms.npz:board"}, "holds measurements of fbnet, not of nb201"),
    ],
)
def test_names_that_are_not_there(folder, given, said):
    with pytest.raises(InputError, match=said):
        nb201(folder, **given)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.r_[np.nan, np.ones(15_624)], "1 of 15625 values are not finite or not above 0, the first is nan at 0"),
        (np.r_[np.ones(15_624), -3.0], "the first is -3.0 at 15624"),
        (np.ones(99), "99 for 15625 architectures"),
        (np.ones((15_625, 2)), "15625x2 for 15625"),
    ],
)
def test_latencies_that_are_none(folder, tmp_path, values, said):
    np.savez(tmp_path / "bad_ms.npz", board=values)
    with pytest.raises(InputError, match=said):
        read_subject(
            SpaceName.NB201, f"{folder}/accuracy.npz:cifar10_test", f"{tmp_path}/bad_ms.npz:board",
            f"{folder}/devices_ms.npz:server",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"top": np.r_[np.nan, np.full(15_624, 90.0)]}, "1 of 15625 values are no percentages"),
        ({"top": np.full(15_625, 101.0)}, "the first is 101.0 at 0"),
        ({"top": np.full(15_625, 0.9)}, "multiply by 100"),
        ({"top": np.full(9, 90.0)}, "9 values for 15625 architectures"),
        ({"top": np.full((15_625, 2), 90.0)}, "one list of numbers"),
        ({"top": np.full(15_625, 90.0), "ops": benchmark_ops()[::-1]}, "not in NAS-Bench-201's order"),
    ],
)
def test_accuracies_that_are_none(folder, tmp_path, arrays, said):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=said):
        read_subject(
            SpaceName.NB201, f"{tmp_path}/bad.npz:top", f"{folder}/devices_ms.npz:board",
            f"{folder}/devices_ms.npz:server",
        )  # fmt: skip


def test_energies_are_no_latencies(folder, tmp_path):
    np.savez(tmp_path / "board_mj.npz", board=np.ones(15_625))
    with pytest.raises(InputError, match="holds energies"):
        nb201(folder, board=f"{tmp_path}/board_mj.npz:board")


def test_too_few_in_common(folder, tmp_path):
    np.savez(tmp_path / "few_ms.npz", index=nb201_index()[:20], slow=np.ones(20))
    with pytest.raises(InputError, match="usable architectures; 50 are the least"):
        nb201(folder, board=f"{tmp_path}/few_ms.npz:slow")


def test_the_proxy_is_fbnets_only(folder):
    with pytest.raises(InputError, match="of fbnet only"):
        read_subject(SpaceName.NB201, PROXY, f"{folder}/devices_ms.npz:board", f"{folder}/devices_ms.npz:server")
