"""The space that docs/spaces.md builds is trained, exported and priced."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.export import integer_reference
from nasc_search.export.quantize import quantize, quantize_array
from nasc_search.export.writer import write_int8
from nasc_search.layered.costs import layered_costs
from nasc_search.spaces.fbnet import CIFAR, IMAGENET, FBNetMacro, FBNetSpace
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.spaces.space import EnumerableSpace, LayeredSpace
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.rules import SamplingRule
from nasc_search.supernet.step import optimizer_of, take_step
from tests.export.runtimes import REFERENCE, RUNTIMES, run
from tests.layered.test_costs import BOARD, SERVER
from tests.supernet.tasks import task

DOCUMENT = (Path(__file__).parents[2] / "docs/spaces.md").read_text()


@pytest.fixture(scope="module")
def chain():
    """The document's code as a module."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    module = ModuleType("chain_of_the_document")
    # Dataclasses look their module up.
    sys.modules[module.__name__] = module
    exec(compile(code, "docs/spaces.md", "exec"), module.__dict__)
    yield module.ChainSpace(module.ChainMacro(TensorSpec(8, 8, 1), 4))
    del sys.modules[module.__name__]


def test_it_is_a_layered_space_that_is_not_listed(chain):
    assert isinstance(chain, LayeredSpace)
    assert not isinstance(chain, EnumerableSpace)
    rng = np.random.default_rng(0)
    for _ in range(50):
        arch = chain.sample(rng)
        assert chain.decode(chain.encode(arch)) == chain.network(arch).arch == arch
    for wrong in ("", "33", "3333", "734", "133"):
        with pytest.raises(InputError):
            chain.network(wrong)


@pytest.mark.parametrize("rule", [rule for rule in SamplingRule if rule is not SamplingRule.FAIR])
def test_its_supernet_learns(chain, rule):
    data = task()
    supernet = Supernet(chain, 1).train()
    optimizer = optimizer_of(supernet)
    options = TrainOptions(80, 32, 0.1, rule=rule)
    for step in range(options.steps):
        take_step(supernet, optimizer, data, options, step)
    calibration, test = (torch.from_numpy(data.normalise(part.images)) for part in (data.calibration, data.test))
    network = chain.network("535")
    folded = FoldedNetwork(network, recalibrate(supernet.eval(), network, calibration))
    assert folded.accuracy(test, torch.from_numpy(data.test.labels)) > 0.6


def test_its_heads_are_exported_to_the_bit(chain):
    images = torch.from_numpy(task().normalise(task().calibration.images))
    supernet = Supernet(chain, 2)
    network = chain.network("351")
    folded = FoldedNetwork(network, recalibrate(supernet, network, images))
    head = quantize(network, folded.weights, folded.ranges(images)).head(3)
    stored = quantize_array(np.moveaxis(images[:4].numpy(), 1, -1), head.input)
    for runtime in RUNTIMES:
        got = run(runtime, write_int8(head), stored, REFERENCE)
        np.testing.assert_array_equal(got, integer_reference.run(head, stored))


def test_its_costs_say_which_choices_there_are(chain):
    costs = layered_costs(chain, BOARD, SERVER)
    assert costs.legal.tolist() == [[False, True, True], [True] * 3, [True] * 3]
    assert costs.payload_bytes.tolist() == [64, 512, 128, 128, 128, 0]


def rows(kind):
    """Cells of the tables in a space's section."""
    section = DOCUMENT.partition(f"## {kind}\n")[2].partition("\n## ")[0]
    return [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]


def test_the_table_of_cells_is_true():
    space = NB201Space(Macro(TensorSpec(28, 28, 1), 10, 16, 2))
    table = [(re.findall("`(.+?)`", names), shape.split()[-1]) for names, shape, _ in rows("nb201")[2:]]
    documented = {name: shape for names, shape in table for name in names}
    network = space.network(space.covering_archs()[0])
    assert documented == {block.name: str(block.output_spec) for block in network.blocks}


@pytest.mark.parametrize(("column", "skeleton", "side"), [(2, CIFAR, 32), (3, IMAGENET, 224)])
def test_the_table_of_layers_is_true(column, skeleton, side):
    space = FBNetSpace(FBNetMacro.of(skeleton, TensorSpec(side, side, 3), 10))
    documented = []
    for cells in rows("fbnet"):
        if re.fullmatch(r" \d+(-\d+)? ", cells[0]) and len(cells) == 4:
            first, last = (int(cells[0].split("-")[place]) for place in (0, -1))
            stride, size = map(int, cells[column].split(","))
            strides = [stride] + [1] * (last - first)
            documented += [(int(cells[1]), at, size) for at in strides]
    assert documented == [(layer.output.channels, layer.stride, layer.output.height) for layer in space.layers]
