"""What is served against the float network in torch; the edge server itself never loads torch."""

import subprocess
import sys

import numpy as np
import torch

from nasc_edge.tails import LitertTail
from nasc_sdk.contract import Contract
from nasc_sdk.runtime.select import open_runtime
from nasc_search.export import float_reference
from nasc_search.export.float_writer import write_float
from nasc_search.supernet.fold import FoldedNetwork
from tests.export.networks import TINY, case

ARCH = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|"


def test_served_tails_agree_at_every_cut():
    network, weights, _, batch = case(TINY.network(ARCH), 3)
    for cut in range(len(network.blocks)):
        tail, spec = network.tail(cut), network.cut_spec(cut)
        values = float_reference.run(network.head(cut), weights, batch) if cut else batch
        values = values.astype(np.float32)
        served = LitertTail(write_float(tail, weights), Contract(cut, spec, 1.0, 0, "x"), open_runtime())
        got = served.run(values, 0)
        expected = FoldedNetwork(tail, weights)(torch.from_numpy(values).permute(0, 3, 1, 2)).flatten(1).numpy()
        assert (got.argmax(1) == expected.argmax(1)).all()
        assert np.abs(got - expected).max() < 1e-3


def test_importing_the_edge_package_loads_no_torch():
    code = "import sys, nasc_edge.server, nasc_edge.cli, nasc_edge.process; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
