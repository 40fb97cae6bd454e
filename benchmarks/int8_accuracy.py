"""Accuracy of the int8 split pipeline on all 10,000 test images, plain and with narrow cuts.

    python benchmarks/int8_accuracy.py [--cut 1] [--json]

The most accurate shipped network, with its own weights: head as int8 on the runtime's fast kernels, its output packed
as on a board, unpacked as on a server, tail as the served float32 model. Narrow cuts are the ones that the validation
images favour: the best of at most 100 bytes at the last cuts, and of at most 200 bytes at a cut of the middle stage.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nasc_sdk.agent.quantize import CutEncoder
from nasc_sdk.candidate import INT8, Candidate, CutEncoding
from nasc_sdk.codec import CutCodec
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from nasc_search.accuracy.keys import accuracy_key, parse_accuracy_key
from nasc_search.data.fashion_mnist import load
from nasc_search.encodings.measure import lossy
from nasc_search.export.float_writer import write_float
from nasc_search.export.forms import Form
from nasc_search.export.quantize import dequantize_array, quantize_array
from nasc_search.export.writer import write_int8
from nasc_search.pretrained.load import Pretrained, open_pretrained
from nasc_search.service.workshop import Workshop
from nasc_search.supernet.own_weights import OwnWeights

LATE, MIDDLE = (range(7, 10), 100), (range(4, 7), 200)
"""Cuts, and the most bytes that they may send."""


def narrowest(trained: Pretrained, arch: str, cuts: range, most_bytes: int) -> Candidate:
    """The best candidate of so few bytes, by the validation images."""
    network = trained.supernet.space.network(arch)
    fitting = [
        Candidate(arch, cut, encoding)
        for cut in cuts
        for encoding in lossy(network, cut)
        if encoding.payload_bytes(network.cut_spec(cut)) <= most_bytes
    ]
    return max(fitting, key=lambda candidate: trained.own_accuracy[accuracy_key(candidate)])


def pipeline(workshop: Workshop, candidate: Candidate, stored: NDArray[np.int8]) -> NDArray[np.int64]:
    """Labels that head, wire and tail come to, one image after the other."""
    encoded, runtime = workshop.encode(candidate), open_runtime()
    head = runtime.load(write_int8(encoded.quantized.head(encoded.place), Form.XNNPACK), kernels=Kernels.XNNPACK)
    made = np.concatenate([head.run(stored[index : index + 1]) for index in range(len(stored))])
    if candidate.cut == encoded.last:
        return np.asarray(dequantize_array(made, encoded.made).reshape(len(made), -1).argmax(1))
    encoder, codec = CutEncoder(encoded.contract, encoded.made), CutCodec(encoded.contract)
    served = write_float(encoded.network.tail(encoded.place), encoded.folded.weights)
    tail = runtime.load(served, kernels=Kernels.XNNPACK)
    return np.asarray([int(tail.run(codec.decode(encoder(one[None]), 1)).argmax()) for one in made])


def main() -> None:
    """Print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cut", type=int, action="append")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        trained = open_pretrained(None, Path(folder))
        own = OwnWeights(Path(folder) / "own", trained.weights, trained.own_folder)
        data = load()
        workshop = Workshop(trained.supernet, data, own)
        whole = {key: value for key, value in trained.own_accuracy.items() if parse_accuracy_key(key)[1] is None}
        arch = max(whole, key=whole.__getitem__)
        prepared = workshop.prepare(arch)
        last = prepared.network.cuts[-1]
        images = data.normalise(data.test.images)
        exact = prepared.folded.accuracy(torch.from_numpy(images), torch.from_numpy(data.test.labels))
        stored = quantize_array(np.ascontiguousarray(images.transpose(0, 2, 3, 1)), prepared.quantized.input)
        candidates = [Candidate(arch, cut) for cut in given.cut or (1, 4, 7, last)]
        if not given.cut:
            candidates += [narrowest(trained, arch, *where) for where in (MIDDLE, LATE)]
        rows = []
        for candidate in candidates:
            found = float((pipeline(workshop, candidate, stored) == data.test.labels).mean())
            size = candidate.encoding.payload_bytes(prepared.network.cut_spec(candidate.cut))
            rows.append((candidate.cut, candidate.encoding, size if candidate.cut < last else 0, found))
    raw = float(np.mean([len(zlib.compress(image.tobytes(), 6)) for image in data.test.images[:1000]]))
    if given.json:
        names = ("cut", "encoding", "bytes", "accuracy")
        shown = [dict(zip(names, (cut, str(code), size, value), strict=True)) for cut, code, size, value in rows]
        print(json.dumps({"arch": arch, "float": exact, "int8": shown, "raw_deflated_bytes": raw}))
        return
    print(f"{arch}\nfloat, 10,000 test images: {exact:.2%}; raw image deflated: {raw:.0f} bytes")
    plain: dict[CutEncoding, float] = {}
    for cut, code, size, value in rows:
        plain.setdefault(code, value)
        print(f"cut {cut:2}, {code}, {size} bytes: {value:.2%} ({100 * (value - plain[INT8]):+.2f} points)")


if __name__ == "__main__":
    main()
