"""A file of HW-NAS-Bench's layout: invented values, and the official ones where they are known."""

import json
import os
from pathlib import Path

import numpy as np

from nasc_search.measured.fbnet import OPS, SKELETONS, fixed_keys, layer_key, layer_shapes
from nasc_search.spaces.nb201 import format_arch
from nasc_search.spaces.nb201_order import CELLS, benchmark_ops

SHARED = Path(os.environ.get("NASC_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
EXAMPLES = SHARED / "hwnasbench_official_examples.json"
LAYER_TABLE = SHARED / "fbnet_cifar100_lut.json"
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
METRICS = (
    "edgegpu_latency", "edgegpu_energy", "raspi4_latency", "edgetpu_latency", "pixel3_latency", "eyeriss_latency",
    "eyeriss_energy", "eyeriss_arithmetic_intensity", "fpga_latency", "fpga_energy",
)  # fmt: skip
LAYER_METRICS = tuple(name for name in METRICS if name not in ("edgetpu_latency", "eyeriss_arithmetic_intensity"))
EXACT = ("raspi4", "pixel3", "fpga")
"""Devices whose table of layers is known without error."""


def configs():
    return [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": format_arch(ops), "num_classes": 10}
            for ops in benchmark_ops().tolist()]  # fmt: skip


def all_keys():
    for dataset in SKELETONS:
        yield from fixed_keys(dataset)
        yield from (layer_key(shape, op) for shape in layer_shapes(dataset) for op in range(len(OPS)))


def document(as_value=list, seed=0):
    """The whole layout with invented values; ``as_value`` makes the 15,625 values of a metric."""
    rng = np.random.default_rng(seed)
    cells = {
        dataset: {**{name: as_value(rng.uniform(0.1, 9, CELLS).tolist()) for name in METRICS}, "config": configs()}
        for dataset in DATASETS
    }
    keys = sorted(set(all_keys()))
    return {"nasbench201": cells, "fbnet": {name: {key: rng.uniform(0, 1) for key in keys} for name in LAYER_METRICS}}


def put_examples(content):
    """Write the official values of cells 0, 1 and 2 over the invented ones."""
    examples = json.loads(EXAMPLES.read_text())["nb201"]
    for index, datasets in examples.items():
        for dataset, metrics in datasets.items():
            for name in METRICS:
                content["nasbench201"][dataset][name][int(index)] = metrics[name]
    return examples


def put_known_layers(content):
    """The recovered tables in the official keys: the rest of a network is in the stem, skips are free."""
    recovered = json.loads(LAYER_TABLE.read_text())
    shapes = layer_shapes("cifar100")
    for device in EXACT:
        table = dict.fromkeys(all_keys(), 0.0)
        known = recovered["devices"][device]
        table[fixed_keys("cifar100")[0]] = max(known["intercept_ms"], 0.0)
        for shape, layer in zip(shapes, recovered["layers"], strict=True):
            for op, value in enumerate(known["rel_ms"][layer["shape_id"]]):
                table[layer_key(shape, op)] = value
        content["fbnet"][f"{device}_latency"] = table


def put_fitting_layers(content):
    """Tables made so that the official totals come out, for all metrics and both data sets.

    The examples differ in the last two layers only, and layers 18 to 20 share their keys.
    """
    examples = json.loads(EXAMPLES.read_text())["fbnet"]
    for name in LAYER_METRICS:
        table = dict.fromkeys(all_keys(), 0.0)
        for dataset in SKELETONS:
            zero, one, two = (metrics[dataset][name] for metrics in examples.values())
            shapes = layer_shapes(dataset)
            stem, slope = min(zero, one, two) / 2, two - one
            table[layer_key(shapes[20], 0)] = spare = max(-slope, 0.0)
            table[layer_key(shapes[20], 1)] = spare + slope
            table[fixed_keys(dataset)[0]] = stem
            table[layer_key(shapes[21], 0)] = zero - stem - 3 * spare
            table[layer_key(shapes[21], 1)] = one - stem - 3 * spare
        content["fbnet"][name] = table
