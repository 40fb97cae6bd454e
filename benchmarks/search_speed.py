"""Exact joint search over every candidate after a link change: python benchmarks/search_speed.py [--json].

NAS-Bench-201 cells on the demo's skeleton, all cuts, all encodings, links of 64 samples that differ each time. Times of
operators are proportional to their work (the search's speed does not depend on them). The first search also
selects the contenders, which later links share.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from nasc_sdk.candidate import INT8, Entropy
from nasc_sdk.cost.features import parse_block, parse_op
from nasc_sdk.cost.model import CostModel
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.link.link import Link
from nasc_sdk.profiling.profile import Conditions
from nasc_search.encodings.blocks import ENCODINGS
from nasc_search.joint.build import build_table
from nasc_search.joint.catalogue import Catalogue, build_catalogue, load_catalogue, save_catalogue
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search
from nasc_search.joint.table import CandidateTable
from nasc_search.spaces.nb201 import Macro, NB201Space

_LIMIT_MS = 20.0


def main() -> None:
    """Build, search, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--cells", type=int, default=2, help="cells per stage (default 2)")
    parser.add_argument("--searches", type=int, default=100, help="link changes (default 100)")
    options = parser.parse_args()
    space = NB201Space(Macro(TensorSpec(28, 28, 1), classes=10, channels=16, cells_per_stage=options.cells))
    started = time.perf_counter()
    catalogue = build_catalogue(space)
    build_s = time.perf_counter() - started
    started = time.perf_counter()
    table = _table(catalogue)
    table_ms = 1e3 * (time.perf_counter() - started)
    times = _times(table, options.searches)
    document = {
        "machine": f"{platform.machine()}, {_processor()}",
        "candidates": table.size,
        "distinct_blocks": len(catalogue.block_keys),
        "searches": options.searches,
        "first_search_ms": round(times[0], 2),
        "search_p50_ms": round(float(np.percentile(times[1:], 50)), 2),
        "search_p95_ms": round(float(np.percentile(times[1:], 95)), 2),
        "catalogue_build_s": round(build_s, 2),
        "catalogue_load_ms": round(_load_ms(catalogue), 2),
        "table_ms": round(table_ms, 2),
    }
    if options.json:
        json.dump(document, sys.stdout, indent=2)
        print()
        return
    for name, value in document.items():
        print(f"{name:20} {value}")


def _table(catalogue: Catalogue) -> CandidateTable:
    """A board of some milliseconds, a server 60 times as fast."""
    rng = np.random.default_rng(0)
    # Entropy coding loses nothing.
    packed = [replace(encoding, entropy=Entropy.NONE) for encoding in ENCODINGS]
    kinds = list(dict.fromkeys(packed))
    lost = rng.uniform(0, 0.03, (len(catalogue.archs), catalogue.cuts, len(kinds)))
    lost[:, :, kinds.index(INT8)] = 0.0
    lost = lost[:, :, [kinds.index(kind) for kind in packed]]
    accuracy = np.maximum(rng.beta(9, 1, (len(catalogue.archs), 1, 1)) - lost, 0.0)
    models = _model(catalogue, "board", 2e-3), _model(catalogue, "edge", 3e-5)
    return build_table(catalogue, *models, accuracy, ENCODINGS)


def _model(catalogue: Catalogue, device: str, us_per_work: float) -> CostModel:
    keys = tuple(sorted({op for key in catalogue.block_keys for op in parse_block(key)[1]}))
    times = [us_per_work * (parse_op(key).macs + parse_op(key).bytes_moved) for key in keys]
    covariance = np.diag([1.0, *(np.square(times) * 4e-4)])
    conditions = Conditions("none", "none", 1, platform.machine(), _processor())
    return CostModel(
        device, conditions, keys, tuple(times), tuple(map(tuple, covariance.tolist())), invocation_us=5.0
    )


def _times(table: CandidateTable, count: int) -> list[float]:
    """Milliseconds of each search; every link is another one, between 10 and 100 Mbit/s."""
    rng, times = np.random.default_rng(1), []
    for _ in range(count + 1):
        speed, trip = rng.uniform(10, 100), rng.uniform(0.5, 3)
        link = Link(
            tuple((speed * np.exp(0.1 * rng.normal(size=64))).tolist()),
            tuple((trip * np.exp(0.1 * rng.normal(size=64))).tolist()),
        )
        started = time.perf_counter()
        search(table, link, Constraints(_LIMIT_MS))
        times.append(1e3 * (time.perf_counter() - started))
    return times


def _load_ms(catalogue: Catalogue) -> float:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "catalogue.npz"
        save_catalogue(catalogue, path)
        started = time.perf_counter()
        load_catalogue(path)
        return 1e3 * (time.perf_counter() - started)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.processor()


if __name__ == "__main__":
    main()
