"""Whole heads of 40 random architectures at several cuts, each predicted from all blocks and the other heads.

    python benchmarks/head_prediction.py [--kernels reference|xnnpack] [--json]

Everything is timed in one interleaved run on this machine.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from pathlib import Path

import torch

from nasc_sdk.profiling.measure import measure
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from nasc_search.calibrate.design import Coverage, profile_design
from nasc_search.calibrate.fit import fit
from nasc_search.data.fashion_mnist import load
from nasc_search.export.forms import Form
from nasc_search.pretrained.load import open_pretrained
from nasc_search.service.plans import make_plans
from nasc_search.service.workshop import Workshop


def main() -> None:
    """Print the errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", choices=["reference", "xnnpack"], default="reference")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        trained = open_pretrained(None, Path(cache))
    kernels = Kernels(given.kernels)
    form = Form.XNNPACK if kernels is Kernels.XNNPACK else Form.BUILTIN
    design = profile_design(trained.catalogue, 1, Coverage.EVERY, heads=40)
    plan, _ = make_plans(Workshop(trained.supernet, load()), design, form, lambda *_: None)
    profile = measure(plan, open_runtime(), kernels, device="this machine", rounds=given.rounds)
    _, report = fit(profile)
    if given.json:
        print(json.dumps({"kernels": kernels, "heads": report.heads, "mean": report.mean, "max": report.maximum}))
        return
    print(f"{platform.machine()}, {profile.conditions.processor}, {profile.conditions.runtime}, {kernels} kernels")
    for check in report.checks:
        print(f"{check.title:24}  {check.predicted_us:9.1f} us  {check.measured_us:9.1f} us  {check.error:+.1%}")
    print(f"{report.heads} heads: mean {report.mean:.1%}, max {report.maximum:.1%}")


if __name__ == "__main__":
    main()
