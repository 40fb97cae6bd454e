"""Files of synthetic devices and accuracies, small enough to run an experiment on in a second."""

import numpy as np

from nasc_search.fewshot.basis import Reach
from nasc_search.fewshot.cells import CELL_BASIS
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
