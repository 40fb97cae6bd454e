"""The search service as a process of its own, told to search by a table or a function."""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.cli.asking import ask_service
from nasc_sdk.cost.features import parse_block
from nasc_sdk.cost.model import CostModel
from nasc_sdk.errors import UnreachableError
from nasc_sdk.processes import Family
from nasc_sdk.profiling.profile import Conditions
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_search.pretrained.load import open_pretrained
from nasc_search.service.accuracy_source import Asked
from nasc_search.service.heartbeat import EVERY_S
from nasc_search.service.process import Options, open_service
from nasc_search.service.searching import COST_MODEL
from nasc_search.service.store import Store
from nasc_search.spaces.nb201 import is_connected, parse_arch
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops
from tests.service.loops import start_broker

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = Path(os.environ.get("NASC_SHARED_DATA", ROOT.parent / "shared" / "data")) / "nb201_accuracy.npz"
SITE, TIMEOUT_S = "lab", 300.0
WIDE = {"limit_ms": 1000.0, "throughput_mbit_s": 100.0, "round_trip_ms": 1.0}


@pytest.fixture
def site(tmp_path):
    """A broker, and a directory where board and edge are known to the service."""
    with Family(tmp_path) as family:
        yield family, start_broker(family, tmp_path, "0"), tmp_path


def know_devices(directory):
    """As if both had been profiled: every operator takes ten microseconds, on the board a thousand."""
    keys = open_pretrained(None, directory).catalogue.block_keys
    ops = tuple(sorted({op for key in keys for op in parse_block(key)[1]}))
    covariance = tuple(map(tuple, np.eye(len(ops) + 1).tolist()))
    conditions = Conditions("synthetic", "reference", 1, "none", "none")
    with contextlib.closing(Store(directory / "service.sqlite")) as store:
        for device, each_us in (("board", 1000.0), ("edge", 10.0)):
            model = CostModel(device, conditions, ops, (each_us,) * len(ops), covariance, 10.0)
            store.put(COST_MODEL, device, model)


def start(site, *options):
    family, url, directory = site
    arguments = ("--broker", url, "--site", SITE, "--state-dir", str(directory / "service"), *options)
    heard = []
    _, ready = family.start("service", "service", *arguments, timeout_s=TIMEOUT_S, tell=heard.append)
    return ready, heard


def search(site):
    answer = ask_service(site[1], SITE, ServiceVerb.SEARCH, "board", WIDE, timeout_s=TIMEOUT_S, quiet=True)
    return json.loads(answer)


def check(site, table, values):
    (site[2] / "service").mkdir()
    know_devices(site[2] / "service")
    ready, _ = start(site, "--accuracy-table", str(table))
    name = f"table {table.name}"
    assert (ready["archs"], ready["accuracy"]) == (15_284, name)
    assert "15284 of the space's 15284 architectures are searched" in ready["predictor"]
    assert "against 685 sub-networks evaluated with the supernet: Spearman 0." in ready["predictor"]
    found = search(site)
    connected = [is_connected(ops) for ops in benchmark_ops().tolist()]
    best = values[connected].max() / 100
    assert found["chosen"]["accuracy"] == pytest.approx(best)
    assert found["chosen"]["told_by"] == name
    assert f"accuracy {best:.2%} ({name}" in found["text"]
    assert "with the supernet's weights, which are deployed, it " in found["text"]
    assert found["predictor"] == ready["predictor"]
    return tuple(map(int, parse_arch(found["chosen"]["candidate"]["arch"])))


def test_it_searches_by_a_table(site):
    """Disconnected cells, here the most accurate ones by far, are never chosen."""
    convolutions = (benchmark_ops() == 3).sum(axis=1)
    connected = np.asarray([is_connected(ops) for ops in benchmark_ops().tolist()])
    values = np.where(connected, 50.0 + 5 * convolutions, 99.0)
    np.savez(site[2] / "table.npz", top1=values)
    assert check(site, site[2] / "table.npz:top1", values) == (3,) * 6


@pytest.mark.skipif(not BENCHMARK.exists(), reason="shared data not present")
def test_it_searches_by_the_benchmarks_own_table(site):
    values = np.load(BENCHMARK)["cifar10_test_200"]
    chosen = check(site, BENCHMARK.parent / "nb201_accuracy.npz:cifar10_test_200", values)
    index = int((benchmark_ops() == chosen).all(axis=1).argmax())
    assert values[index] == pytest.approx(94.37, abs=0.01)


def test_what_it_cannot_read_is_said_with_bad_inputs_exit_status(site):
    np.savez(site[2] / "table.npz", top1=np.linspace(10, 90, CELLS))
    with pytest.raises(UnreachableError, match="'top5' is not there; it holds top1") as caught:
        start(site, "--accuracy-table", f"{site[2]}/table.npz:top5")
    assert caught.value.exit_code == 3


def test_a_slow_function_is_spoken_of_and_may_print(site, monkeypatch):
    (site[2] / "slow.py").write_text(
        "import subprocess, time\n"
        f"takes_s = iter([0, {EVERY_S + 1}, *[0] * 8])\n"
        "def accuracy_of(arch):\n"
        "    print('training', arch, flush=True)\n"
        "    subprocess.run(['echo', 'a child of it'], check=True)\n"
        "    time.sleep(next(takes_s))\n"
        "    return 0.5 + 0.01 * arch.count('conv')\n"
    )
    monkeypatch.chdir(site[2])
    ready, heard = start(site, "--accuracy-callable", "slow:accuracy_of", "--accuracy-samples", "10")
    assert ready["accuracy"] == "function slow:accuracy_of"
    assert "against 10 sub-networks evaluated with the supernet" in ready["predictor"]
    told = [text for text in heard if text.startswith("function slow:accuracy_of: ")]
    assert told
    assert "of 10, |" in told[0]
    assert (site[2] / "service.log").read_text().count("a child of it") == 10


def test_what_takes_long_at_the_start_is_spoken_of(tmp_path):
    """Whoever waits for the ready line gives it more time each time."""
    options = Options("mqtt://127.0.0.1:1", SITE, tmp_path, None, "fashion-mnist", None, 1, Asked())
    spoken = []
    _, ready = open_service(options, spoken.append)
    assert ready["archs"] == 15_284
    assert spoken[0] == "opening the supernet"
    assert spoken[-1] == "fitting the accuracy predictors"


@contextlib.contextmanager
def up(folder, *options):
    command = [sys.executable, "-m", "nasc_sdk", "up", "--port", "0", "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            # Not killed: it ends its children.
            process.terminate()


def test_up_hands_a_table_on_and_ends_as_the_service_does(tmp_path):
    with up(tmp_path, "--accuracy-table", "missing.npz:top1") as process:
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 3
    assert "missing.npz" in errors


def test_up_searches_by_a_table(tmp_path):
    """One that knows every other cell."""
    directory = tmp_path / "nasc-state" / "service"
    directory.mkdir(parents=True)
    know_devices(directory)
    index = np.arange(0, CELLS, 2)
    np.savez(tmp_path / "half.npz", index=index, top1=np.linspace(10, 90, len(index)))
    with up(tmp_path, "--json", "--site", SITE, "--accuracy-table", "half.npz:top1") as process:
        ready = json.loads(process.stdout.readline())
        chosen = search((None, ready["broker"], tmp_path))["chosen"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
    assert ready["accuracy"] == chosen["told_by"] == "table half.npz:top1"
    known = benchmark_ops()[index]
    connected = np.flatnonzero([is_connected(ops) for ops in known.tolist()])
    assert parse_arch(chosen["candidate"]["arch"]) == tuple(known[connected[-1]].tolist())


def test_up_can_be_interrupted_while_a_function_works(tmp_path):
    """What it said until then is kept."""
    (tmp_path / "slow.py").write_text("import time\ndef accuracy_of(arch):\n    time.sleep(3)\n    return 0.5\n")
    with up(tmp_path, "--accuracy-callable", "slow:accuracy_of") as process:
        for line in process.stderr:
            if re.search(r": [1-9]\d* of 100, \|", line):
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 130
    digest = hashlib.sha256((tmp_path / "slow.py").read_bytes()).hexdigest()[:16]
    with contextlib.closing(Store(tmp_path / "nasc-state" / "service" / "service.sqlite")) as store:
        assert set(store.accuracies(f"function slow:accuracy_of {digest}").values()) == {0.5}
