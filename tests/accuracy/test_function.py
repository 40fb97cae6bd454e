"""A user's function: what it may be, what it may say, and that nothing is asked twice."""

import subprocess
import sys

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.accuracy.function import FunctionSource, UserFunction
from nasc_search.spaces.nb201 import Macro, NB201Space

SPACE = NB201Space(Macro(TensorSpec(8, 8, 1), classes=4, channels=8))
ARCH = SPACE.archs[400]
CODE = """
NUMBER = 0.5
def good(arch): return 0.25 + 0.1 * arch.count("conv_3x3")
def two(arch, seed): return 0.5
def none(): return 0.5
def with_default(arch, seed=0): return 0.5
def raises(arch):
    return {}[arch]
def leaves(arch): raise SystemExit(3)
def not_a_number(arch): return float("nan")
def per_cent(arch): return 93.1
def negative(arch): return -0.1
def text(arch): return "0.9"
def truth(arch): return True
def nothing(arch): pass
async def later(arch): return 0.9
class Trainer:
    def accuracy(self, arch): return 0.75
accuracy = Trainer().accuracy
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Its name; it lies in the present folder, as a user's would."""
    (tmp_path / "training.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("import json\nraise RuntimeError('no GPU here')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "training"
    for name in ("training", "broken"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["good", "with_default", "accuracy"])
def test_functions_that_can_be_used(module, name):
    assert 0 <= UserFunction.load(f"{module}:{name}")(ARCH) <= 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("training", "'training' is not module:function"),
        ("training:", "is not module:function"),
        ("no.such:thing", "cannot be imported: ModuleNotFoundError: No module named 'no'$"),
        ("training:missing", "cannot be imported: AttributeError"),
        ("broken:thing", r"cannot be imported: RuntimeError: no GPU here \(.*broken.py, line 2\)"),
        ("training:NUMBER", "is no function but float"),
        ("training:two", r"training:two takes \(arch, seed\); it is called with one argument"),
        ("training:none", r"takes \(\); it is called with one argument"),
        ("training:later", "is asynchronous"),
    ],
)
def test_functions_that_cannot_be_used(module, name, said):
    with pytest.raises(InputError, match=said):
        UserFunction.load(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", r"training:raises failed on .*KeyError.* \(.*training.py, line 8\)"),
        ("leaves", "training:leaves failed on .*SystemExit: 3"),
        ("not_a_number", "is nan; a number from 0 to 1 is needed$"),
        ("per_cent", "is 93.1; a number from 0 to 1 is needed; per cent. divide by 100"),
        ("negative", "is -0.1;"),
        ("text", "is '0.9';"),
        ("truth", "is True;"),
        ("nothing", "is None;"),
    ],
)
def test_what_a_function_may_not_say_names_the_architecture(module, name, said):
    function = UserFunction.load(f"{module}:{name}")
    with pytest.raises(InputError, match=said) as caught:
        function(ARCH)
    assert ARCH in str(caught.value)


def test_an_edited_function_is_another(module, tmp_path):
    before = UserFunction.load(f"{module}:good")
    assert UserFunction.load(f"{module}:good").digest == before.digest
    (tmp_path / "training.py").write_text(CODE + "\n# edited\n")
    assert UserFunction.load(f"{module}:good").digest != before.digest


def test_nothing_is_asked_twice_and_everything_new_is_kept(module):
    asked, kept = [], {}

    def count(arch):
        asked.append(arch)
        return 0.5

    function = UserFunction("test:count", count, "")
    source = FunctionSource(function, {SPACE.archs[0]: 0.25}, kept.__setitem__)
    assert [source.evaluate(arch) for arch in (SPACE.archs[0], ARCH, ARCH)] == [0.25, 0.5, 0.5]
    assert asked == [ARCH]
    assert kept == {ARCH: 0.5}


def test_what_was_not_asked_is_predicted(module):
    source, told = FunctionSource(UserFunction.load(f"{module}:good")), []
    sample = SPACE.archs[::150]
    source.learn(SPACE, sample, 0, lambda done, arch: told.append((done, arch)))
    assert told == list(enumerate(sample))
    estimated = source.estimate(SPACE.archs)
    exact = np.asarray([0.25 + 0.1 * arch.count("conv_3x3") for arch in SPACE.archs])
    assert np.abs(estimated - exact).mean() < 0.05
    assert estimated[::150].tolist() == [source.known[arch] for arch in sample]
    assert f"function training:good, asked for {len(sample)} architectures" in source.report
    assert "Spearman" in source.report


PRINTING = """
import json, os, subprocess, sys
from nasc_search.accuracy.function import output_aside
with output_aside() as output:
    print("printed")
    subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
    os.system("echo by a shell")
    output.write(json.dumps({"ready": True}) + "\\n")
print("afterwards")
"""


def test_what_a_function_prints_goes_to_standard_error():
    done = subprocess.run([sys.executable, "-c", PRINTING], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == '{"ready": true}\nafterwards\n'
    assert done.stderr.split("\n")[:3] == ["printed", "by a child", "by a shell"]
