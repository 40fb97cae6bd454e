"""Every head of every NAS-Bench-201 cell with its interval: python benchmarks/prediction_speed.py [--json].

15,284 connected cells on the benchmark's own skeleton (five cells a stage, 20 blocks and 21 cuts) and on the demo's,
with numpy alone. The cost model has an operator for every key of the space and a full covariance, as a fit gives it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time

import numpy as np

from nasc_sdk.cost.features import parse_block, parse_op
from nasc_sdk.cost.model import CostModel, predict_blocks, predict_prefixes
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.profiling.profile import Conditions
from nasc_search.joint.catalogue import Catalogue, build_catalogue
from nasc_search.spaces.nb201 import Macro, NB201Space

_SPACES = {
    "demo, 9 blocks": Macro(TensorSpec(28, 28, 1), classes=10, cells_per_stage=2),
    "NAS-Bench-201, 20 blocks": Macro(TensorSpec(32, 32, 3), classes=10, cells_per_stage=5),
}


def model_of(catalogue: Catalogue) -> CostModel:
    """Times in proportion to work, errors that vary together."""
    keys = tuple(sorted({op for key in catalogue.block_keys for op in parse_block(key)[1]}))
    times = np.array([2e-3 * (parse_op(key).macs + parse_op(key).bytes_moved) for key in keys])
    root = np.random.default_rng(0).normal(size=(len(keys) + 1, 5)) * 0.05 * np.append(5.0, times)[:, None]
    covariance = root @ root.T + np.diag(np.square(0.02 * np.append(5.0, times)))
    conditions = Conditions("none", "none", 1, platform.machine(), "")
    rows = tuple(tuple(row) for row in covariance.tolist())
    return CostModel("board", conditions, keys, tuple(times.tolist()), rows, invocation_us=5.0)


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results = []
    for name, macro in _SPACES.items():
        catalogue = build_catalogue(NB201Space(macro))
        model, times = model_of(catalogue), []
        for _ in range(given.runs):
            started = time.perf_counter()
            heads = predict_prefixes(model, predict_blocks(model, catalogue.block_keys), catalogue.block_of)
            heads.interval()
            times.append(1e3 * (time.perf_counter() - started))
        results.append(
            {"space": name, "heads": int(heads.us.size), "p50_ms": statistics.median(times), "max_ms": max(times)}
        )
    if given.json:
        print(json.dumps({"machine": platform.machine(), "results": results}))
        return
    for result in results:
        print(
            f"{result['space']}: {result['heads']} heads with intervals in "
            f"{result['p50_ms']:.0f} ms (p50), {result['max_ms']:.0f} ms (max)"
        )


if __name__ == "__main__":
    main()
