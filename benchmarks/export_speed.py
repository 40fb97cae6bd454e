"""Speed of a small int8 head: our XNNPACK form on LiteRT against executorch's and onnxruntime's int8.

The head is ``nb``: a stem to 16 channels on 3x32x32, two NAS-Bench-201 cells, a stride-2 residual, a cell.
All three run it whole from Python (input in, output out), batch 1, one thread, in turns; the table gives
medians over the rounds and the median of the ratios within a round. executorch and onnxruntime take and give
float32, as their own converters make it; ours is int8 at both ends. Both peers also get the network with its
pools written as depthwise convolutions, as our form has them: that is the row to compare with.

The peers need an environment of their own (a CPU build of torch is enough):

    python -m venv peers
    peers/bin/pip install torch==2.13.0 executorch==1.5.1 onnx onnxruntime
    python benchmarks/export_speed.py --peer-python peers/bin/python
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from nasc_sdk.ir.network import Network, OpKind, TensorSpec
from nasc_search.export import float_reference
from nasc_search.export.forms import Form
from nasc_search.export.quantize import dequantize_array, quantize, quantize_array
from nasc_search.export.simplify import simplify
from nasc_search.export.writer import write_int8
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.weights import FoldedWeights, LayerWeights

ARCH = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|"
PEER = Path(__file__).with_name("export_speed_peer.py")
RUNS = 50
"""Calls timed in a row; a round takes their median."""


def nb_head() -> Network:
    """The head of docs/adr/0003, without its classifier."""
    macro = Macro(TensorSpec(32, 32, 3), classes=10, channels=16, cells_per_stage=2)
    blocks = NB201Space(macro).network(ARCH).blocks
    return replace(NB201Space(macro).network(ARCH), blocks=blocks[:5])


def weights_of(network: Network, rng: np.random.Generator) -> FoldedWeights:
    """He-normal weights: speed does not depend on what a network was trained for."""
    weights = {}
    for block, op in network.ops():
        if op.kind is OpKind.CONV:
            shape = (op.spec.channels, block.spec_of(op.inputs[0]).channels, op.kernel, op.kernel)
            spread = np.sqrt(2 / np.prod(shape[1:]))
            bias = rng.normal(0, 0.1, shape[0]).astype(np.float32)
            weights[op.param] = LayerWeights(rng.normal(0, spread, shape).astype(np.float32), bias)
    return weights


def ours(model: bytes, sample: np.ndarray) -> tuple[Callable[[], None], Callable[[], np.ndarray]]:
    """(one call, its last result) on LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def call() -> None:
        interpreter.set_tensor(source, sample)
        interpreter.invoke()
        interpreter.get_tensor(target)

    return call, lambda: interpreter.get_tensor(target)


def median_us(call: Callable[[], None]) -> float:
    """Median of ``RUNS`` calls, in microseconds."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - start) / 1e3)
    return statistics.median(times)


class Peer:
    """The other runtimes in a process of their own virtual environment, asked one round at a time."""

    def __init__(self, python: str, network: Network, weights: FoldedWeights, images: np.ndarray) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        (folder / "network.json").write_text(json.dumps([asdict(block) for block in network.blocks]))
        arrays = {f"{key}/weight": layer.weight for key, layer in weights.items()}
        arrays |= {f"{key}/bias": layer.bias for key, layer in weights.items()}
        np.savez(folder / "arrays.npz", images=images, **arrays)
        self._process = subprocess.Popen(
            [python, str(PEER), str(folder), str(RUNS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready = self._read()

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, float] = json.loads(line)
                return answer
        raise SystemExit("the peer process ended early; see its messages above")

    def round(self) -> dict[str, float]:
        """Microseconds of each runtime."""
        assert self._process.stdin is not None
        self._process.stdin.write("round\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)
        self._folder.cleanup()


def sqnr(signal: np.ndarray, other: np.ndarray) -> float:
    """Signal to noise in dB."""
    return float(10 * np.log10(np.mean(signal**2) / np.mean((signal - other) ** 2)))


def machine() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    models = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in models if line.startswith("model name")]
    name = names[0] if names else platform.processor()
    return f"{name}, {platform.machine()}, Python {platform.python_version()}"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-python", help="Python of an environment with executorch and onnxruntime")
    parser.add_argument("--rounds", type=int, default=31)
    return parser.parse_args()


def main() -> None:
    """Measure and print the table."""
    options = arguments()
    rng, network = np.random.default_rng(0), nb_head()
    weights = weights_of(network, rng)
    images = rng.normal(0, 1, (16, 32, 32, 3)).astype(np.float32)
    quantized = quantize(network, weights, float_reference.ranges(network, weights, images))
    expected = float_reference.run(network, weights, images[:1])
    calls, quality = {}, {}
    for form in Form:
        call, result = ours(write_int8(quantized, form), quantize_array(images[:1], quantized.input))
        call()
        calls[f"ours, {form.value} form"] = call
        quality[f"ours, {form.value} form"] = sqnr(expected, dequantize_array(result(), quantized.output))
    peer = Peer(options.peer_python, simplify(network), weights, images) if options.peer_python else None
    quality |= peer.ready if peer else {}
    rounds = []
    for _ in range(options.rounds):
        own = {name: median_us(call) for name, call in calls.items()}
        rounds.append(own | (peer.round() if peer else {}))
    if peer:
        peer.close()
    first = f"ours, {Form.XNNPACK.value} form"
    sys.stdout.write(f"nb head, batch 1, 1 thread, {options.rounds} rounds of {RUNS} calls; {machine()}\n\n")
    sys.stdout.write("| runtime | us | times ours | SQNR dB |\n|---|---|---|---|\n")
    for name in sorted(rounds[0], key=lambda name: name != first):
        us = statistics.median(taken[name] for taken in rounds)
        ratio = statistics.median(taken[name] / taken[first] for taken in rounds)
        sys.stdout.write(f"| {name} | {us:.1f} | {ratio:.2f} | {quality[name]:.1f} |\n")


if __name__ == "__main__":
    main()
