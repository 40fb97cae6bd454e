"""Accuracy of the int8 split pipeline against the float network on all 10,000 test images.

    python benchmarks/int8_accuracy.py [--cut 1] [--json]

Head as int8 on the runtime's fast kernels, tail as the served float32 model, of the most accurate evaluated network.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from nasc_search.data.fashion_mnist import load
from nasc_search.export.float_writer import write_float
from nasc_search.export.forms import Form
from nasc_search.export.quantize import dequantize_array, quantize_array
from nasc_search.export.writer import write_int8
from nasc_search.pretrained.load import open_pretrained
from nasc_search.service.workshop import Workshop


def main() -> None:
    """Print both accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cut", type=int, action="append")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        trained = open_pretrained(None, Path(cache))
    data = load()
    arch = max(trained.evaluated, key=lambda name: trained.evaluated[name])
    prepared = Workshop(trained.supernet, data).prepare(arch)
    images = data.normalise(data.test.images)
    exact = prepared.folded.accuracy(torch.from_numpy(images), torch.from_numpy(data.test.labels))
    stored = quantize_array(np.ascontiguousarray(images.transpose(0, 2, 3, 1)), prepared.quantized.input)
    runtime, rows = open_runtime(), {}
    last = prepared.network.cuts[-1]
    for cut in given.cut or (1, 4, 7, last):
        head = runtime.load(write_int8(prepared.quantized.head(cut), Form.XNNPACK), kernels=Kernels.XNNPACK)
        at_cut = np.concatenate([head.run(stored[index : index + 1]) for index in range(len(stored))])
        real = dequantize_array(at_cut, prepared.quantized.at_cut(cut))
        if cut < last:
            served = write_float(prepared.network.tail(cut), prepared.folded.weights)
            tail = runtime.load(served, kernels=Kernels.XNNPACK)
            real = np.concatenate([tail.run(real[index : index + 1]) for index in range(len(real))])
        rows[cut] = float((real.reshape(len(real), -1).argmax(1) == data.test.labels).mean())
    if given.json:
        print(json.dumps({"arch": arch, "float": exact, "int8_by_cut": rows}))
        return
    print(f"{arch}\nfloat, 10,000 test images: {exact:.2%}")
    for cut, value in rows.items():
        print(f"int8 head, cut {cut:2}: {value:.2%} ({100 * (value - exact):+.2f} points)")


if __name__ == "__main__":
    main()
