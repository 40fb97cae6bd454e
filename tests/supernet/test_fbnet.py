"""FBNet's supernet: its forward pass against torch's grouped convolutions, its shared weights, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save as serialise
from torch import nn

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.export import integer_reference
from nasc_search.export.quantize import quantize, quantize_array
from nasc_search.measured.fbnet import CHOICES, OPS, SKIP
from nasc_search.spaces.fbnet import FBNetMacro, FBNetSpace
from nasc_search.supernet.checkpoint import Progress, load, save
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.quantization_aware import harden
from nasc_search.supernet.retrain import FineTuned, folded
from nasc_search.supernet.sampling import draw
from nasc_search.supernet.train import train
from tests.supernet.shaken import shaken
from tests.supernet.tasks import SPACE as CELLS
from tests.supernet.tasks import images, task

SPACE = FBNetSpace(FBNetMacro(TensorSpec(8, 8, 1), 4, 0.25, (1, 2, 0, 0, 0, 0, 0), 1, (1, 2, 1, 1, 1, 1, 1), 64))
ARCHS = [*SPACE.covering_archs(), "215", "781", "038"]


def by_hand(supernet, arch, x):
    """Convolution, shuffle, depthwise, convolution, as the papers draw them."""

    def normal(layer, y):
        size = y.shape[1]
        return F.batch_norm(y, None, None, layer.norm.weight[:size], layer.norm.bias[:size], training=True)

    def pointwise(key, value, out, groups=1, shuffle=False, stride=1):
        layer = supernet.layer(key)
        dense = layer.weight[:out, : value.shape[1]]
        if groups == 1:
            return normal(layer, F.conv2d(value, dense, None, stride))
        # The shuffle brings channel order[j] to place j, whose weights are row j.
        order = torch.arange(out).view(1, out, 1, 1)
        order = (nn.ChannelShuffle(groups)(order) if shuffle else order).flatten()
        size, inputs = out // groups, value.shape[1] // groups
        weight = torch.empty(out, inputs, 1, 1)
        for place, channel in enumerate(order.tolist()):
            first = channel // size * inputs
            weight[channel] = dense[place, first : first + inputs]
        y = F.conv2d(value, weight, groups=groups)
        return normal(layer, nn.ChannelShuffle(groups)(y) if shuffle else y)

    stem = supernet.layer("stem.conv")
    x = F.relu(normal(stem, F.conv2d(x, stem.weight, None, 1, 1)))
    for at, op in zip(SPACE.layers, SPACE.encode(arch), strict=True):
        out, same = at.output.channels, at.input == at.output
        if op == SKIP:
            x = x if same else F.relu(pointwise(f"{at.name}.skip", x, out, stride=at.stride))
            continue
        choice = CHOICES[op]
        key, wide = at.name, x.shape[1] * choice.expansion
        y = F.relu(pointwise(f"{key}.expand", x, wide, choice.groups, choice.groups > 1))
        layer = supernet.layer(f"{key}.depthwise")
        weight = layer.weight[:wide] if choice.kernel == 5 else layer.weight[:wide, :, 1:4, 1:4]
        y = F.relu(normal(layer, F.conv2d(y, weight, None, at.stride, choice.kernel // 2, groups=wide)))
        y = pointwise(f"{key}.project", y, out, choice.groups)
        x = x + y if same else y
    x = F.relu(pointwise("classifier.header", x, SPACE.classifier.spec_of("wide").channels))
    dense = supernet.layer("classifier.dense")
    return F.linear(x.mean((2, 3)), dense.weight, dense.bias)


@pytest.mark.parametrize("arch", ARCHS)
def test_forward_is_the_papers_chain(arch):
    supernet = shaken(SPACE)
    with torch.no_grad():
        expected = by_hand(supernet, arch, images())
        found = supernet(images(), SPACE.network(arch))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("arch", ARCHS)
def test_folding_equals_batch_norm_on_the_calibration_images(arch):
    supernet = shaken(SPACE, 3)
    network = SPACE.network(arch)
    folded = FoldedNetwork(network, recalibrate(supernet, network, images(64)))
    with torch.no_grad():
        expected = supernet(images(64), network)
    torch.testing.assert_close(folded(images(64)), expected, rtol=1e-3, atol=1e-3)
    for _, op in network.ops():
        if op.param:
            assert folded.weights[op.param].weight.shape[0] == op.spec.channels


def test_operators_of_a_layer_share_weights_and_only_what_they_take_is_trained():
    supernet = shaken(SPACE)
    supernet(images(), SPACE.network("000")).sum().backward()
    layer = SPACE.layers[1]
    weight = supernet.layer(f"{layer.name}.expand").weight
    channels = layer.input.channels
    assert weight.shape[0] == 6 * channels
    assert weight.grad[:channels].abs().sum() > 0
    assert weight.grad[channels:].abs().sum() == 0
    kernel = supernet.layer(f"{layer.name}.depthwise").weight.grad
    assert kernel.shape[-1] == 5
    assert kernel[:, :, 1:4, 1:4].abs().sum() == kernel.abs().sum() > 0
    assert supernet.layer(f"{layer.name}.project").weight.grad.shape[1] == 6 * channels
    assert supernet.layer(f"{SPACE.layers[0].name}.expand").weight.grad is not None
    fresh = shaken(SPACE)
    fresh(images(), SPACE.network("111")).sum().backward()
    # Two groups of the same weights: half of them.
    grad = fresh.layer(f"{layer.name}.expand").weight.grad[:channels, :, 0, 0]
    halves = [[bool(row[:channels // 2].any()), bool(row[channels // 2 :].any())] for row in grad]
    assert halves == [[place % 2 == 0, place % 2 == 1] for place in range(channels)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("fbnet") / "s.safetensors"
    train(Supernet(SPACE, 1), task(), TrainOptions(220, 32, 0.05, 1), path, lambda _: None)
    return load(path).supernet


def test_it_learns_and_int8_keeps_what_was_learnt(trained):
    """Four classes: chance is a quarter."""
    data = task()
    found = []
    calibration = torch.from_numpy(data.normalise(data.calibration.images))
    test, labels = data.normalise(data.test.images), data.test.labels
    for arch in ("225", "636", "158"):
        network = SPACE.network(arch)
        folded = FoldedNetwork(network, recalibrate(trained, network, calibration))
        real = folded.accuracy(torch.from_numpy(test), torch.from_numpy(labels))
        quantized = quantize(network, folded.weights, folded.ranges(calibration))
        answers = integer_reference.run(quantized, quantize_array(np.moveaxis(test, 1, -1), quantized.input))
        stored = float(np.mean(answers.reshape(len(labels), -1).argmax(1) == labels))
        assert abs(stored - real) <= 0.05
        found.append(real)
    assert min(found) > 0.6


def test_norms_of_several_processes_see_the_channels_that_an_operator_has():
    """What shares batches between processes replaces the norms: they are called for fewer channels as well."""
    supernet, called = shaken(SPACE), []
    for module in supernet.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _, given, __: called.append(given[0].shape[1]))
    supernet(images(), SPACE.network("000"))
    assert called == [op.spec.channels for _, op in SPACE.network("000").ops() if op.batch_norm]


def test_training_for_int8_takes_the_parts_that_an_operator_has(trained):
    data = task()
    tuned = FineTuned(folded(trained, "158", data), trained, 0.0, 2.0)
    hardened = harden(tuned, data, TrainOptions(12, 32, 0.02, 1))
    assert hardened.int8_accuracy > 0.6


def test_a_checkpoint_round_trip(tmp_path):
    supernet, progress = shaken(SPACE, 4), Progress("shades", 1, 3, 6, 8, 0.1)
    save(tmp_path / "s", supernet, progress, {})
    loaded = load(tmp_path / "s")
    assert (loaded.supernet.space, loaded.progress) == (SPACE, progress)
    for name, value in supernet.state_dict().items():
        assert torch.equal(value, loaded.supernet.state_dict()[name])


@pytest.mark.parametrize("keep", [0, 100, 5000, -1])
def test_a_truncated_checkpoint_is_refused(tmp_path, keep):
    save(tmp_path / "s", Supernet(SPACE), Progress("shades", 1, 3, 6, 8, 0.1), {})
    (tmp_path / "s").write_bytes((tmp_path / "s").read_bytes()[:keep])
    with pytest.raises(InputError, match="no readable checkpoint"):
        load(tmp_path / "s")


@pytest.mark.parametrize("space", [CELLS, FBNetSpace(replace(SPACE.macro, width=0.5))], ids=lambda space: space.name)
def test_a_checkpoint_of_another_space_is_not_gone_on_with(tmp_path, space):
    options = TrainOptions(2, 8, seed=1)
    train(Supernet(space, 1), task(), options, tmp_path / "s", lambda _: None)
    before = (tmp_path / "s").read_bytes()
    with pytest.raises(InputError, match="another run"):
        train(Supernet(SPACE, 1), task(), options, tmp_path / "s", lambda _: None, resume=True)
    assert (tmp_path / "s").read_bytes() == before


def test_a_description_of_another_space_does_not_fit_the_weights(tmp_path):
    from safetensors import safe_open

    save(tmp_path / "s", Supernet(SPACE), Progress("shades", 1, 3, 6, 8, 0.1), {})
    with safe_open(tmp_path / "s", framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for space, macro in (("fbnet", metadata["macro"].replace("0.25", "1.0")), ("nb201", metadata["macro"])):
        (tmp_path / "s").write_bytes(serialise(tensors, metadata | {"space": space, "macro": macro}))
        with pytest.raises(InputError, match="does not fit its own description"):
            load(tmp_path / "s")


def test_architectures_are_drawn_without_a_list():
    drawn = draw(SPACE, 40, 3)
    assert len(set(drawn)) == len(drawn) == 40
    assert draw(SPACE, 40, 3) == drawn != draw(SPACE, 40, 4)
    assert {len(OPS) > op >= 0 for arch in drawn for op in SPACE.encode(arch)} == {True}
    # Of a space with 9 architectures no more than these.
    tiny = FBNetSpace(replace(SPACE.macro, depth=(1, 0, 0, 0, 0, 0, 0)))
    assert sorted(draw(tiny, 9, 0)) == list("012345678")
    assert len(draw(tiny, 50, 0)) == 9
