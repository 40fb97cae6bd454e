"""Files of synthetic devices and accuracies, small enough to run an experiment on in a second."""

import json

import numpy as np

from nasc_search.fewshot.basis import Reach
from nasc_search.fewshot.cells import CELL_BASIS
from nasc_search.measured.fbnet import CHOICES, LAYERS, OPS, layer_shapes
from nasc_search.measured.npz import SpaceName
from tests.fewshot.devices import draw, every_arch

CELLS_MEASURED = 600


def nb201_index(seed=0, count=CELLS_MEASURED):
    return np.sort(np.random.default_rng(seed).permutation(15_625)[:count])


def accuracies():
    """Of all cells, in per cent: growing with what computes."""
    macs = CELL_BASIS.macs(every_arch(SpaceName.NB201))
    noise = np.random.default_rng(5).normal(0, 0.5, len(macs))
    return np.clip(94 - 25 * np.exp(-4 * macs / macs.mean()) + noise, 1, 99)


def write_nb201(folder, index=None):
    """``accuracy.npz:cifar10_test`` and ``devices_ms.npz`` with a slow board and a fast server."""
    index = nb201_index() if index is None else index
    rng = np.random.default_rng(2)
    every = every_arch(SpaceName.NB201)
    board = draw(rng, reach=Reach.CONVERTED, scale=40.0).measure(every, rng)[index]
    server = draw(rng, reach=Reach.EVERY, scale=3.0).measure(every, rng)[index]
    np.savez(folder / "devices_ms.npz", index=index, board=np.maximum(board, 0.01), server=np.maximum(server, 0.01))
    np.savez(folder / "accuracy.npz", cifar10_test=accuracies())
    return folder


def write_fbnet(folder, count=400):
    """``fbnet_ms.npz`` with both devices, and ``fbnet_accuracy.npz:top1`` over the same rows."""
    rng = np.random.default_rng(3)
    arch = every_arch(SpaceName.FBNET)[:count]
    board, server = (draw(rng, SpaceName.FBNET, scale=scale).measure(arch, rng) for scale in (40.0, 4.0))
    np.savez(folder / "fbnet_ms.npz", arch=arch, board=board, server=server)
    np.savez(folder / "fbnet_accuracy.npz", arch=arch, top1=rng.uniform(60, 75, count))
    return folder


def layer_file():
    """What a file of FBNet's layers holds, as plain data: a slow board and a fast server."""
    shapes = layer_shapes("cifar100")
    distinct = list(dict.fromkeys(shapes))
    layers = [
        {"layer": number, "H_in": one.size, "C_in": one.inputs, "C_out": one.outputs, "stride": one.stride,
         "shape_id": distinct.index(one)}
        for number, one in enumerate(shapes)
    ]  # fmt: skip
    work = np.array([[*(choice.macs(shape) for choice in CHOICES), 0] for shape in distinct])
    rng = np.random.default_rng(4)

    def device(ms_per_mac, call_ms, constant_ms):
        relative = ms_per_mac * work + call_ms * rng.uniform(0.9, 1.1, work.shape) * (work > 0)
        return {"intercept_ms": constant_ms, "rel_ms": relative.tolist(), "cv5_R2": 1.0, "max_abs_residual_ms": 1e-9}

    devices = {"board": device(4e-7, 0.1, 5.0), "server": device(1e-8, 0.2, 1.0)}
    return {"unit": "ms", "ops": list(OPS), "layers": layers, "devices": devices}


def write_layers(folder, samples=60):
    """``lut.json:board`` and ``:server``, and ``trained.npz``: accuracies as ``train --evaluate`` leaves them."""
    (folder / "lut.json").write_text(json.dumps(layer_file()))
    rng = np.random.default_rng(6)
    codes = rng.integers(0, len(OPS), (samples, LAYERS))
    gains = np.array([*(0.02 * np.log2(1 + choice.expansion * choice.kernel) for choice in CHOICES), 0.0])
    accuracy = 0.9 - 0.6 * np.exp(-gains[codes].sum(axis=1)) + rng.normal(0, 0.003, samples)
    archs = np.array(["".join(map(str, code)) for code in codes])
    np.savez(folder / "trained.npz", archs=archs, accuracy=accuracy, task="made-up supernet fbnet-8x8x1-w0.1")
    return folder
