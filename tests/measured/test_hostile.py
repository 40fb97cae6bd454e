"""Nothing in a hostile pickle is executed, and none takes more memory than the process may have."""

import json
import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.errors import InputError, UnsafePickleError
from nasc_search.measured.confined import _outcome, convert
from nasc_search.measured.pickle_machine import read_pickle
from tests.measured.hostile import bombs, executing, strange

SLOWEST_S = 60


def run(folder, how):
    done = subprocess.run(
        [sys.executable, "-m", "tests.measured.watched", str(folder), how],
        cwd=Path(__file__).parents[2], capture_output=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def on_disk(corpus, folder):
    folder.mkdir()
    for index, (name, data) in enumerate(corpus.items()):
        (folder / f"{index:03} {name.replace('/', '_')}").write_bytes(data)
    return folder


@pytest.fixture
def canary(tmp_path):
    folder = tmp_path / "canary"
    folder.mkdir()
    return folder


def test_the_corpus_is_hostile(canary):
    """Python's own unpickler executes it: otherwise the tests below would prove nothing."""
    corpus = executing(canary)
    program = "import pickle, sys\ntry:\n    pickle.load(sys.stdin.buffer)\nexcept Exception:\n    pass"
    for data in list(corpus.values())[::4]:
        subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, timeout=30)
    assert len(list(canary.iterdir())) >= len(corpus) // 4 - 3


def test_nothing_is_executed(canary):
    for name, data in executing(canary).items():
        with pytest.raises(UnsafePickleError, match="byte") as caught:
            read_pickle(data)
        assert 0 <= caught.value.offset < len(data), name
    assert not list(canary.iterdir())


def test_a_refused_global_is_named_with_its_place():
    data = b"\x80\x02}X\x01\0\0\0acposix\nsystem\nX\x02\0\0\0ls\x85Rs."
    with pytest.raises(UnsafePickleError, match=r"byte 9: it names 'posix\.system'") as caught:
        read_pickle(data)
    assert data[caught.value.offset :].startswith(b"cposix")


def test_a_refused_instruction_is_named():
    with pytest.raises(UnsafePickleError, match=r"byte 2: instruction EXT1 \(0x82\)"):
        read_pickle(b"\x80\x02\x82\x01.")


@pytest.mark.parametrize("name", strange())
def test_strange_ones_are_refused(name):
    with pytest.raises(UnsafePickleError):
        read_pickle(strange()[name])


@pytest.mark.system
def test_python_hears_of_nothing(canary, tmp_path):
    """No import, no compilation, no file, no process, whatever the file says."""
    corpus = {**executing(canary), **strange()}
    for index, data in enumerate(list(corpus.values())):
        corpus[f"cut {index}"] = data[: len(data) // 2]
    report = run(on_disk(corpus, tmp_path / "corpus"), "watched")
    assert report["events"] == []
    assert "read" not in [answer for answer, _ in report["answers"].values()]
    assert not list(canary.iterdir())


@pytest.mark.system
def test_bombs_take_little_memory_and_time(tmp_path):
    report = run(on_disk(bombs(), tmp_path / "corpus"), "bounded")
    assert len(report["answers"]) == len(bombs())
    refused = {name: answer for name, (answer, _) in report["answers"].items()}
    # Wide text is within bounds: it is read, and is no benchmark.
    assert {name[4:] for name, answer in refused.items() if not answer.startswith("byte")} == {"wide text"}
    for name in ("000 laughs", "001 laughs of tuples"):
        assert "shared parts counted" in refused[name]
    assert report["peak"] <= 512_000_000
    assert max(seconds for _, seconds in report["answers"].values()) < SLOWEST_S


@pytest.mark.system
@pytest.mark.parametrize("name", ["laughs", "deep tuples", "dictionaries", "text encoded again and again", "wide text"])
def test_the_confined_process_refuses_bombs(name, tmp_path):
    with pytest.raises(InputError, match=r"bomb\.pickle: (byte|it holds no)"):
        convert(bombs()[name], tmp_path, "bomb.pickle")
    assert not list(tmp_path.iterdir())


@pytest.mark.system
def test_a_process_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(InputError, match=r"did not finish within 0\.01 s"):
        convert(bombs()["deep tuples"], tmp_path, "bomb.pickle", timeout_s=0.01)
    assert not list(tmp_path.iterdir())


def test_a_process_without_memory_says_so(monkeypatch, tmp_path):
    def exhausted(data):
        raise MemoryError

    monkeypatch.setattr("nasc_search.measured.pickle_machine.read_pickle", exhausted)
    assert "480 MiB" in _outcome(b"", tmp_path).refused


@pytest.mark.parametrize("protocol", range(6))
def test_every_truncation_is_refused(protocol):
    data = pickle.dumps({"nasbench201": {"a": [1, 2.5, "é", b"\xff", True, None, -7, (1, 2, 3, 4)]}}, protocol)
    read_pickle(data)
    for length in range(len(data)):
        with pytest.raises(UnsafePickleError):
            read_pickle(data[:length])


def test_damaged_ones_are_read_or_refused(canary):
    """Flipped bits, cut and doubled pieces of all of them: a value or a refusal, and never an execution."""
    rng = random.Random(7)
    content = {"a": [1.5, "b", (2, None)], "c": {1: b"x"}, "d": np.arange(4, dtype=">i2"), "e": np.float32(1)}
    good = [pickle.dumps(content, protocol) for protocol in range(6)]
    seeds = [*executing(canary).values(), *strange().values(), *good * 4]
    outcomes = {"read": 0, "refused": 0}
    for _ in range(20_000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data) + 1)
            kind = rng.randrange(4)
            if kind == 0 and at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                del data[at : at + rng.randint(1, 4)]
            elif kind == 2:
                other = rng.choice(seeds)
                start = rng.randrange(len(other) + 1)
                data[at:at] = other[start : start + rng.randint(1, 40)]
            elif at < len(data):
                data[at] = rng.randrange(256)
        try:
            read_pickle(bytes(data))
            outcomes["read"] += 1
        except UnsafePickleError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100, outcomes
    assert not list(canary.iterdir())
