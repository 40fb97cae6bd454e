"""Calibration over a real broker, on a real agent and a real edge server."""

import json

import msgspec
import pytest
from click.testing import CliRunner

from nasc_sdk.cli.asking import ask_service
from nasc_sdk.cli.calibrate import command as calibrate
from nasc_sdk.cli.main import cli
from nasc_sdk.cost.calibrated import read_calibrated
from nasc_sdk.cost.coding import COMPRESS, PACK
from nasc_sdk.cost.model import CostModel
from nasc_sdk.errors import RefusedError, RemoteProtocolError
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_search.accuracy.ranking import spearman
from tests.service.loops import BOARD, EDGE, SITE, open_loop

FAST = {"heads": 10, "held_out": 4, "rounds": 3, "precision": 0.001}


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    with open_loop(tmp_path_factory.mktemp("loop")) as running:
        running.calibrated = running.ask(ServiceVerb.CALIBRATE, seed=2, **FAST)
        yield running


def run(loop, verb, *words):
    return CliRunner().invoke(verb, [*words, "--broker", loop.url, "--site", SITE])


def test_a_board_is_calibrated_with_a_few_heads(loop):
    answer = loop.calibrated
    assert answer["device"] == BOARD
    assert answer["stop"] == "budget"
    assert [step["measured_heads"] for step in answer["steps"]] == [8, 10]
    step = answer["steps"][-1]
    predicted, measured = ([head[name] for head in step["held_out"]] for name in ("predicted_us", "measured_us"))
    assert len(measured) == 4
    assert step["rank_correlation"] == pytest.approx(spearman(predicted, measured))
    assert 0 < answer["board_s"] < 60
    assert len(answer["profile"]["heads"]) == 10
    assert answer["profile"]["blocks"] == []
    stored = loop.store.get("cost-model", BOARD, CostModel)
    assert stored == msgspec.convert(answer["cost_model"], CostModel)
    found = read_calibrated(json.dumps(answer).encode())
    assert found.why == "as many heads were measured as was allowed"
    assert {time.step for time in found.cost_model.coding} == {*PACK.values(), *COMPRESS.values()}
    assert len(answer["profile"]["coding"]) > len(found.cost_model.coding)


def test_the_command_line_shows_intervals_against_measurements(loop):
    done = run(
        loop, calibrate, "--device", EDGE, "--heads", "8", "--held-out", "3", "--rounds", "2", "--precision", "0.001"
    )
    assert done.exit_code == 0, done.output
    assert "held-out head" in done.output
    assert "90 % interval" in done.output
    assert "tail of" in done.output
    assert "unpack int4" in done.output
    assert f"{EDGE}: stopped because as many heads were measured as was allowed; the board was busy for" in done.output
    as_json = run(loop, calibrate, "--device", BOARD, "--heads", "4", "--rounds", "1", "--prior", "raspi4", "--json")
    assert as_json.exit_code == 0, as_json.output
    assert json.loads(as_json.stdout)["prior"] == "raspi4"


def test_what_was_calibrated_is_shown_exported_and_compared(loop, tmp_path):
    shown = run(loop, cli, "cost-model", "show", BOARD, "--top", "3")
    assert shown.exit_code == 0, shown.output
    assert f"{BOARD}: measured" in shown.output
    assert "conv3x3 8x8x32" in shown.output
    assert "pack int4" in shown.output
    file = tmp_path / "board.json"
    assert run(loop, cli, "cost-model", "export", BOARD, "--output", str(file)).exit_code == 0
    same = run(loop, cli, "cost-model", "compare", str(file), BOARD)
    assert same.exit_code == 0, same.output
    assert "no change beyond noise" in same.output
    table = run(loop, cli, "cost-model", "export", str(file))
    assert table.stdout.splitlines()[1] == "block,operators,us,low_us,high_us,extrapolated"
    document = json.loads(file.read_text())
    document["model"]["op_us"] = [10 * us for us in document["model"]["op_us"]]
    for row in document["blocks"]:
        for name in ("us", "low_us", "high_us"):
            row[name] *= 10
    slower = tmp_path / "slower.json"
    slower.write_text(json.dumps(document))
    moved = run(loop, cli, "cost-model", "compare", str(file), str(slower), "--json")
    assert moved.exit_code == 1
    assert json.loads(moved.stdout)["moved"] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prior": "nokia"}, "no known device is called nokia"),
        ({"precision": 2.0}, "precision"),
        ({"heads": 0}, "at least one head"),
        ({"colour": "red"}, "unknown options: colour"),
        ({"board_s": "soon"}, "board_s is a number"),
    ],
)
def test_bad_options_change_nothing(loop, options, said):
    before = loop.store.get("cost-model", BOARD, CostModel)
    with pytest.raises(RefusedError, match=said):
        loop.ask(ServiceVerb.CALIBRATE, **options)
    assert loop.store.get("cost-model", BOARD, CostModel) == before


def test_unknown_devices_are_said_so(loop):
    absent = run(loop, calibrate, "--device", "nobody")
    assert isinstance(absent.exception, RefusedError)
    assert absent.exception.exit_code == 4
    assert "no such device is online" in str(absent.exception)
    unknown = run(loop, cli, "cost-model", "show", "nobody")
    assert "nobody was never profiled; run: nasc-sdk calibrate --device nobody" in str(unknown.exception)


def test_a_known_device_stands_in_until_something_is_measured(loop):
    done = run(loop, calibrate, "--device", BOARD, "--prior", "raspi4", "--heads", "0")
    assert done.exit_code == 0, done.output
    assert "nothing was measured; its cost model is the prior of raspi4" in done.output
    shown = run(loop, cli, "cost-model", "show", BOARD, "--json")
    model = msgspec.convert(json.loads(shown.stdout)["model"], CostModel)
    assert model.origin == "prior of raspi4"
    assert all(us > 0 for us in model.op_us)
    with pytest.raises(RefusedError, match="is an edge server"):
        loop_ask_edge(loop, prior="raspi4", heads=0)


def loop_ask_edge(loop, **options):
    return ask_service(loop.url, SITE, ServiceVerb.CALIBRATE, EDGE, options, timeout_s=30.0, quiet=True)


@pytest.mark.parametrize("reply", [b"", b"{}", b'{"device": "a", "stop": "b", "steps": 3, "board_s": 1}'])
def test_replies_that_are_no_calibration(reply):
    with pytest.raises(RemoteProtocolError):
        read_calibrated(reply)
