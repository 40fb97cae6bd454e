"""Training for int8: the simulation is the exporter's arithmetic, and training in it helps where int8 hurts."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from nasc_sdk.ir.network import TensorSpec
from nasc_search.data.dataset import Split
from nasc_search.export.integer_reference import run as run_integers
from nasc_search.export.quantize import quantize, quantize_array
from nasc_search.spaces.fbnet import CIFAR, FBNetMacro, FBNetSpace
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.quantization_aware import harden, int8_accuracy, simulate
from nasc_search.supernet.retrain import accuracy_of, folded, retrain
from tests.supernet.tasks import DENSE_CELL, SPACE, task

OPTIONS = TrainOptions(100, 32, 0.05, seed=1, augmentations=())


def faint(count, seed):
    """Class k is a little brighter than k - 1, under much noise: rounding costs answers."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    images = 10 * labels[:, None, None, None] + rng.integers(0, 120, (count, 8, 8, 1))
    return Split(images.astype(np.uint8), labels.astype(np.int64))


DATA = replace(task(), train=faint(512, 0), validation=faint(512, 1), calibration=faint(128, 2))


@pytest.fixture(scope="module")
def tuned():
    return retrain(Supernet(SPACE, 4), DENSE_CELL, DATA, OPTIONS)


def with_a_wide_channel(tuned, factor):
    """The same function, with one channel so wide that the others get few of the 255 steps."""
    supernet = copy.deepcopy(tuned.supernet)
    with torch.no_grad():
        norm = supernet.layer("classifier.normal").norm
        norm.weight[0] *= factor
        norm.bias[0] *= factor
        supernet.layer("classifier.dense").weight[:, 0] /= factor
    network = folded(supernet, DENSE_CELL, DATA)
    return replace(
        tuned, network=network, supernet=supernet, accuracy_after=accuracy_of(network, DATA, DATA.validation)
    )


def test_the_simulation_is_the_exporters_arithmetic(tuned):
    images = DATA.normalise(DATA.validation.images[:64])
    network = tuned.network
    quantized = quantize(network.network, network.weights, network.ranges(torch.from_numpy(images)))
    integers = run_integers(quantized, quantize_array(images.transpose(0, 2, 3, 1), quantized.input)).reshape(64, -1)
    simulated = simulate(quantized, torch.from_numpy(images)).numpy()
    steps = simulated / quantized.output.scale + quantized.output.zero_point
    # Integer kernels round sums and averages once or twice more on the way, out of 255 steps.
    assert np.abs(steps - integers).max() <= 8
    assert np.abs(steps - integers).mean() < 1
    assert (steps.argmax(1) == integers.argmax(1)).mean() > 0.9


def test_what_int8_does_not_hurt_stays_as_it_is(tuned):
    found = harden(replace(tuned, accuracy_after=int8_accuracy(tuned.network, DATA, DATA.validation)), DATA, OPTIONS)
    assert found.network is tuned.network
    assert found.int8_accuracy == found.accuracy_after


def test_fbnet_whose_operators_share_weights_is_trained_for_int8():
    space = FBNetSpace(FBNetMacro.of(CIFAR, TensorSpec(8, 8, 1), 4, width=0.25, depth=1))
    arch = space.sample(np.random.default_rng(0))
    begun = retrain(Supernet(space), arch, task(), replace(OPTIONS, steps=1))
    before = int8_accuracy(begun.network, task(), task().validation)
    found = harden(replace(begun, accuracy_after=1.0), task(), replace(OPTIONS, steps=40, distillation=0.0))
    assert found.network is not begun.network
    assert found.int8_accuracy > before + 0.1


def test_what_int8_hurts_is_trained_for_it(tuned):
    """More than as many steps of training without rounding give."""
    hurt = with_a_wide_channel(tuned, 300)
    assert hurt.accuracy_after == pytest.approx(tuned.accuracy_after, abs=0.01)
    options = replace(OPTIONS, learning_rate=0.005, seed=2)
    found = harden(hurt, DATA, options)
    assert hurt.accuracy_after - int8_accuracy(hurt.network, DATA, DATA.validation) > 0.1
    assert found.int8_accuracy == int8_accuracy(found.network, DATA, DATA.validation)
    plain = retrain(hurt.supernet, DENSE_CELL, DATA, options, hurt.network)
    assert found.int8_accuracy > int8_accuracy(plain.network, DATA, DATA.validation) + 0.05
