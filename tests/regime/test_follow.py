"""What a map says of reports, and the verb on a real broker."""

import contextlib
import json
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner

from nasc_sdk.cli.main import cli
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import LinkReport, encode
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.regime.follow import stages
from nasc_sdk.regime.map_file import dump_map
from tests.mqtt.brokers import TIMEOUT_S, broker
from tests.regime.maps import ALONE, FAST, MAP, SLOW, hopeless


def report(throughput, trip, device="pi", loss=0.0):
    return LinkReport(
        device=device, throughput_mbit_s=(throughput, throughput, 1e3), round_trip_ms=(trip, trip, 1e3), loss=loss,
        changed=True,
    )  # fmt: skip


def test_only_changes_of_the_answer_are_told():
    links = [(25.0, 1.5), (30.0, 1.9), (5.0, 1.5), (5.0, 1.6), (50.0, 5.0), (500.0, 5.0), (25.0, 99.0), (25.0, 1.5)]
    told = list(stages(MAP, [report(*link) for link in links]))
    assert [(stage.throughput_mbit_s, stage.regime) for stage in told] == [
        (25.0, FAST), (5.0, SLOW), (500.0, SLOW), (25.0, ALONE), (25.0, FAST),
    ]  # fmt: skip
    assert [stage.on_map for stage in told] == [True, True, False, False, True]


def test_nothing_keeps_the_limit():
    (stage,) = stages(hopeless(), [report(0.5, 1.0, loss=0.25)])
    assert (stage.regime, stage.unanswered, stage.on_map) == (None, 0.25, False)


@pytest.mark.system
def test_the_verb_follows_the_maps_own_device(tmp_path):
    (tmp_path / "map.json").write_bytes(dump_map(MAP))
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(broker("embedded", tmp_path)).url
        client = stack.enter_context(MqttClient(url, "reporter"))
        client.connect(TIMEOUT_S)

        def say(device, *link):
            # Retained, so that it does not matter whether it comes before the listener.
            message = encode(report(*link, device=device))
            client.publish_and_wait(Topics("lab", device).link, message, TIMEOUT_S, retain=True)

        say("pi", 25.0, 1.5)
        say("other", 5.0, 1.5)
        follow = [sys.executable, "-m", "nasc_sdk", "map", "follow", str(tmp_path / "map.json"), "--broker", url]
        follow += ["--site", "lab", "--json"]
        process = stack.enter_context(subprocess.Popen(follow, stdout=subprocess.PIPE, text=True))
        stack.callback(process.kill)
        # A line that never comes fails the test instead of hanging it.
        timer = threading.Timer(60.0, process.kill)
        timer.start()
        stack.callback(timer.cancel)
        first = json.loads(process.stdout.readline())
        say("pi", 25.0, 99.0)
        second = json.loads(process.stdout.readline())
    assert (first["regime"]["candidate"]["arch"], first["on_map"]) == ("wide|net", True)
    assert (second["regime"]["candidate"]["arch"], second["on_map"]) == ("tiny", False)


def test_it_ends_by_itself_and_says_it_in_words(tmp_path):
    (tmp_path / "map.json").write_bytes(dump_map(MAP))
    with broker("embedded", tmp_path) as running, MqttClient(running.url, "reporter") as client:
        client.connect(TIMEOUT_S)
        message = encode(report(25.0, 99.0, loss=0.5))
        client.publish_and_wait(Topics("lab", "pi").link, message, TIMEOUT_S, retain=True)
        words = ["map", "follow", str(tmp_path / "map.json"), "--broker", running.url, "--site", "lab"]
        shown = CliRunner().invoke(cli, [*words, "--seconds", "2"])
        nobody = CliRunner().invoke(cli, [*words, "--seconds", "0.5", "--device", "nobody"])
    assert shown.exit_code == nobody.exit_code == 0
    assert "25 Mbit/s, 99 ms round trip, 50.0% of requests unanswered, beside the map: 70.00%, 1.50" in shown.output
    assert nobody.output == ""
