"""The whole experiment on small synthetic devices: the document, and what must hold in it."""

import csv
import io
import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.experiment.apportion import Apportioning
from nasc_search.experiment.document import FRONT_POINTS, Document, array
from nasc_search.experiment.layered import Layered
from nasc_search.experiment.options import Options
from nasc_search.experiment.page import accuracy_words, markdown, saved_csv, write_report
from nasc_search.experiment.plan import PRIMARY, SETTINGS, Grid
from nasc_search.experiment.run import run
from nasc_search.experiment.strategies import Strategy
from nasc_search.experiment.sweep import Why
from nasc_search.measured.npz import SpaceName
from nasc_search.spaces.nb201 import is_connected
from nasc_search.spaces.nb201_order import benchmark_ops
from tests.experiment.worlds import write_fbnet, write_layers, write_nb201

LAYERS = "layers"
"""Of FBNet's space: tables of layers, with accuracies predicted from some."""
RATES, TRIPS = (1.0, 8.0, 60.0), (2.0, 15.0, 80.0)


def options(folder, space=SpaceName.NB201, **more):
    names = {
        SpaceName.NB201: ("accuracy.npz:cifar10_test", "devices_ms.npz:board", "devices_ms.npz:server"),
        SpaceName.FBNET: ("fbnet_accuracy.npz:top1", "fbnet_ms.npz:board", "fbnet_ms.npz:server"),
        LAYERS: ("trained.npz", "lut.json:board", "lut.json:server"),
    }[space]
    given = {"throughputs_mbit_s": RATES, "round_trips_ms": TRIPS} | more
    kind = SpaceName.FBNET if space == LAYERS else space
    return Options(kind, *(f"{folder}/{name}" for name in names), **given)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_layers(write_fbnet(write_nb201(tmp_path_factory.mktemp("files"))))


@pytest.fixture(scope="module", params=[*SpaceName, LAYERS])
def document(request, folder):
    return run(options(folder, request.param))


def test_the_documents_shape(document):
    facts = json.loads(msgspec.json.encode(document))
    assert set(facts) == set(Document.__dataclass_fields__)
    assert (facts["experiment"], facts["version"]) == ("nasc-vs-hwnas", 1)
    assert facts["grid"]["throughputs_mbit_s"] == list(RATES)
    assert len(facts["grid"]["limits_ms"]) == 5
    baselines = len(Strategy) - 1
    assert len(facts["saved"]) == len(SETTINGS) * baselines * 5 * 3
    assert len(facts["region"]) == len(SETTINGS) * baselines * 5 * 3
    for entry in (*facts["saved"], *facts["accuracy_under_limit"]):
        grid = entry.get("saved_percent", entry.get("accuracy_percent"))
        assert [len(row) for row in grid] == [len(TRIPS)] * len(RATES)
    assert len(facts["uncertainty"]) == (16 + 3 if facts["prediction"] is None else 25 + 3 + 1) * 2
    assert len(facts["assumptions"]) >= 8
    assert all(row["origin"] for row in facts["coding"])
    assert "NaN" not in msgspec.json.encode(document).decode()


def test_nothing_is_lost_by_searching_jointly(document):
    """Every other strategy's choice is one of NASC's too."""
    for entry in document.saved:
        values = array(entry.saved_percent)
        assert (values[np.isfinite(values)] >= -1e-6).all(), (entry.setting, entry.baseline)
    under = {(e.setting, e.strategy, e.limit_ms): array(e.accuracy_percent) for e in document.accuracy_under_limit}
    for (setting, _, limit_ms), values in under.items():
        known = np.isfinite(values)
        assert (under[setting, "nasc", limit_ms][known] >= values[known] - 1e-6).all()


def test_more_points_save_more_and_regions_count_links(document):
    saved = {
        (e.setting, e.baseline, e.limit_ms, e.points_lost): array(e.saved_percent) for e in document.saved
    }
    for setting in SETTINGS:
        for limit_ms in document.grid.limits_ms:
            none, half, one = (saved[setting.name, "hwnas_local", limit_ms, lost] for lost in (0.0, 0.5, 1.0))
            assert (none <= half + 0.01).all()
            assert (half <= one + 0.01).all()
            np.testing.assert_array_equal(none, saved[setting.name, "hwnas_traded", limit_ms, 0.0])
    for entry in document.region:
        values = saved[entry.setting, entry.baseline, entry.limit_ms, entry.points_lost]
        # Figures are rounded to a hundredth.
        sure = np.abs(values - entry.at_least_percent) > 0.01
        if sure.all():
            assert entry.share == pytest.approx(np.mean(values >= entry.at_least_percent), abs=1e-4)


def test_raw_input_that_stays_is_never_sent(document):
    for entry in document.fronts:
        stays = entry.setting.startswith("raw-stays")
        assert not (stays and entry.strategy == "all_edge")
        assert not (stays and 0 in entry.cut)
        if "int8 only" in entry.setting:
            assert set(entry.encoding) <= {"int8", "int8, zlib"}


def test_fronts_rise(document):
    links = {(e.throughput_mbit_s, e.round_trip_ms) for e in document.fronts if e.setting == PRIMARY.name}
    assert len(links) == len(RATES) * len(TRIPS)
    for entry in document.fronts:
        assert entry.latency_ms
        assert len(entry.latency_ms) <= FRONT_POINTS
        assert entry.latency_ms == sorted(entry.latency_ms)
        assert entry.accuracy_percent == sorted(entry.accuracy_percent)


def test_no_cell_without_a_path_is_chosen(document):
    if document.space == "nb201":
        chosen = {cell for entry in document.fronts for cell in entry.architecture}
        assert all(is_connected(benchmark_ops()[cell].tolist()) for cell in chosen)
        assert any("no path from input to output" in note for note in document.notes)


def test_reasons_agree_with_what_is_saved(document):
    half = {
        (e.setting, e.limit_ms): array(e.saved_percent)
        for e in document.saved
        if (e.baseline, e.points_lost) == ("hwnas_local", 0.5)
    }
    reached = {Why.REACHED_BY_SPLIT, Why.REACHED_ON_BOARD}
    seen = set()
    for entry in document.why:
        values = half[entry.setting, entry.limit_ms]
        for at in np.ndindex(values.shape):
            reason = Why(entry.reason[at[0]][at[1]])
            seen.add(reason)
            if abs(values[at] - 50) > 0.01:
                assert (reason in reached) == (values[at] >= 50)
    assert len(seen) > 1


def test_the_proxy_is_called_one(folder):
    given = options(folder, SpaceName.FBNET)
    found = run(replace(given, accuracy="macs"))
    assert found.accuracy_is_proxy
    assert any("a proxy" in line for line in found.assumptions)


def test_predicted_accuracies_are_called_so_wherever_they_stand(document):
    told = document.prediction
    words = accuracy_words(document)
    assert words in markdown(document)
    if told is None:
        assert "Spearman" not in words
        return
    assert document.architectures == "9^22"
    assert document.accuracy_unit == "predicted for made-up supernet fbnet-8x8x1-w0.1"
    assert "made-up supernet" in words
    assert f"{told.mean_error_points:.2f} points" in words
    assert any("not of CIFAR-100 at width 1" in line for line in document.assumptions)
    assert all(len(name) == 22 for entry in document.fronts for name in entry.architecture)
    assert [v.is_ranked_anew for v in document.uncertainty].count(True) == len(document.grid.looked_at_limits_ms)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"server": "fbnet_ms.npz:server"}, "both FILE.npz:DEVICE, or both FILE.json:DEVICE"),
        ({"space": SpaceName.NB201}, "both FILE.json:DEVICE with --space fbnet"),
        ({"accuracy": "macs"}, "give those of a supernet"),
        ({"accuracy": "accuracy.npz:cifar10_test"}, "not of fbnet"),
        ({"accuracy": "accuracy.npz"}, "no evaluated sub-networks"),
        ({"apportioning": Apportioning.MACS}, "'macs' is not one of fitted, elements, calls, stem, head"),
        ({"board": "lut.json:tx2"}, "no device 'tx2'; it holds board, server"),
        ({"fixed_cut": 24}, "interior cuts 1 to 23"),
    ],
)
def test_tables_of_layers_that_do_not_go_together(folder, given, said):
    paths = {name: f"{folder}/{value}" for name, value in given.items() if "." in str(value)}
    with pytest.raises(InputError, match=said):
        run(replace(options(folder, LAYERS), **{**given, **paths}))


def test_a_table_of_listed_networks_tells_of_all_that_layers_make(folder):
    world = Layered.open(replace(options(folder, LAYERS), accuracy=f"{folder}/fbnet_accuracy.npz:top1"))
    assert world.prediction.samples == 400
    assert world.accuracy_unit == "predicted for table fbnet_accuracy.npz:top1"


def test_a_slower_board_saves_no_less_on_a_good_link(folder):
    def mean(slowdown):
        found = run(options(folder, board_slowdown=slowdown))
        values = [
            array(e.saved_percent)[-1, 0]
            for e in found.saved
            if (e.setting, e.baseline, e.points_lost) == (PRIMARY.name, "hwnas_traded", 0.5)
        ]
        assert found.board.slowdown == slowdown
        return values[-1]

    assert mean(10.0) > mean(1.0)


def test_limits_nothing_keeps(folder):
    with pytest.raises(InfeasibleError) as caught:
        run(options(folder, limits_ms=(1e-4,)))
    assert caught.value.exit_code == 5
    assert "the fastest takes" in str(caught.value)


def test_a_limit_that_only_the_link_can_keep(folder):
    """Nothing on the board is so fast: the baseline has nothing to offer, and that is said."""
    slow = {"board_slowdown": 500.0, "throughputs_mbit_s": (1000.0,), "round_trips_ms": (1.0,)}
    found = run(options(folder, limits_ms=(60.0,), **slow))
    entry = next(e for e in found.saved if e.baseline == "hwnas_local" and e.setting == SETTINGS[2].name)
    assert entry.saved_percent == [[None]]
    why = next(e for e in found.why if e.setting == SETTINGS[2].name)
    assert why.reason == [[Why.NO_BASELINE.value]]
    under = {(e.setting, e.strategy): e.accuracy_percent for e in found.accuracy_under_limit}
    assert under[SETTINGS[2].name, "nasc"][0][0] > 0
    assert under[SETTINGS[2].name, "hwnas_local"] == [[None]]


def test_a_limit_below_every_round_trip_leaves_the_board(folder):
    found = run(options(folder, limits_ms=(70.0,), round_trips_ms=(75.0, 90.0)))
    under = {(e.setting, e.strategy): e.accuracy_percent for e in found.accuracy_under_limit}
    for setting in SETTINGS:
        assert under[setting.name, "nasc"] == under[setting.name, "hwnas_local"]
        assert under[setting.name, "fixed_cut"] == [[None, None]] * len(RATES)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"throughputs_mbit_s": (5.0, 1.0)}, "do not ascend"),
        ({"round_trips_ms": (0.0,)}, "not all positive"),
        ({"limits_ms": (float("nan"),)}, "not all positive"),
        ({"board_slowdown": 0.0}, "slow-downs"),
        ({"raw_ratio": 1.5}, "raw input of 3072 bytes"),
        ({"fixed_cut": 19}, "interior cuts 1 to 18"),
    ],
)
def test_options_that_cannot_be(folder, given, said):
    with pytest.raises(InputError, match=said):
        run(options(folder, **given))


def test_the_report(document, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
    written = write_report(document, tmp_path / "report")
    assert {path.name for path in written} == {
        "README.md", "saved.csv", "result.json", "fronts.png", "saved.png", "settings.png", "why.png",
    }  # fmt: skip
    for path in written:
        assert path.stat().st_size > 1000
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
            assert path.stat().st_size < 150_000
    page = (tmp_path / "report/README.md").read_text()
    assert all(line in page for line in document.assumptions)
    assert ("a proxy" in page) == document.accuracy_is_proxy
    assert msgspec.json.decode((tmp_path / "report/result.json").read_bytes(), type=Document) == document


def test_the_table_of_savings(document):
    rows = list(csv.DictReader(io.StringIO(saved_csv(document))))
    assert len(rows) == len(document.saved) * len(RATES) * len(TRIPS)
    for row, (rate, trip) in ((0, (0, 0)), (len(TRIPS), (1, 0)), (len(RATES) * len(TRIPS) - 1, (-1, -1))):
        read = [float(rows[row][name]) for name in ("throughput_mbit_s", "round_trip_ms", "saved_percent")]
        assert read == [RATES[rate], TRIPS[trip], document.saved[0].saved_percent[rate][trip]]
    empty = sum(row["saved_percent"] == "" for row in rows)
    assert empty == sum(value is None for entry in document.saved for line in entry.saved_percent for value in line)


def test_a_grid_of_one_link(folder):
    grid = Grid((5.0,), (10.0,), (20.0,))
    assert grid.shown == ((0, 0),)
    assert grid.looked_at_limits_ms == (20.0,)


def test_the_limits_that_are_looked_at():
    assert Grid((5.0,), (10.0,), (20.0, 30.0)).looked_at_limits_ms == (20.0, 30.0)
    assert Grid((5.0,), (10.0,), (1.0, 2.0, 3.0, 4.0, 5.0)).looked_at_limits_ms == (3.0, 5.0)
