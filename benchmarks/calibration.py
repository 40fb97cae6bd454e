"""This machine as the board: a calibration with at most 20 heads, then 60 heads it has never seen.

    python benchmarks/calibration.py [--kernels xnnpack|reference] [--runs 3] [--output FILE.png] [--json]

Writes a table, and with --output a plot: mean error and rank correlation of the unseen heads after each batch. The
unseen heads are other architectures at other cuts, timed right after the calibration at the same speed of the machine.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from nasc_sdk.cost.features import parse_key
from nasc_sdk.cost.model import predict_heads
from nasc_sdk.profiling.measure import measure
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.profiling.speed import Speedometer
from nasc_sdk.protocol.messages import Role
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from nasc_search.accuracy.ranking import spearman
from nasc_search.calibrate.calibration import Budget, Calibration
from nasc_search.calibrate.design import Design, profile_design
from nasc_search.calibrate.fit import fit
from nasc_search.calibrate.typical import typical_us, usual_ratio
from nasc_search.data.fashion_mnist import load
from nasc_search.export.forms import Form
from nasc_search.pretrained.load import open_pretrained
from nasc_search.service.plans import make_plans
from nasc_search.service.workshop import Workshop

_UNSEEN = 60
_ROUNDS = 9


@dataclass(frozen=True)
class Result:
    """Errors are relative, of the unseen heads."""

    seed: int
    heads: int
    board_s: float
    mape: float
    within_10: float
    maximum: float
    rank_correlation: float
    inside_90: float
    by_batch: tuple[tuple[int, float, float], ...]
    """(heads measured, MAPE, rank correlation) after each batch."""


class Machine:
    """Workshop and runtime of this machine."""

    def __init__(self, kernels: Kernels) -> None:
        torch.set_num_threads(1)
        with tempfile.TemporaryDirectory() as cache:
            self.trained = open_pretrained(None, Path(cache))
        self.workshop = Workshop(self.trained.supernet, load())
        self.kernels = kernels
        self.form = Form.XNNPACK if kernels is Kernels.XNNPACK else Form.BUILTIN
        self.runtime, self.speed = open_runtime(), Speedometer()

    def measure(self, design: Design) -> Profile:
        """The design's heads, timed here."""
        plan, _ = make_plans(self.workshop, design, self.form, lambda *_: None, (Role.BOARD,))
        return measure(plan, self.runtime, self.kernels, device="this machine", rounds=_ROUNDS, speed=self.speed)


def run(machine: Machine, seed: int) -> Result:
    """One calibration and its check."""
    catalogue = machine.trained.catalogue
    important = np.zeros(len(catalogue.archs), bool)
    calibration = Calibration(catalogue, important, Budget(precision=1e-6, held_out=0), seed)
    models = []
    while calibration.stop is None:
        if calibration.tell(machine.measure(calibration.ask())) is not None:
            models.append((calibration.steps[-1].measured_heads, calibration.result[1]))
    profile = calibration.result[0]
    design = profile_design(catalogue, 1000 + seed, heads=_UNSEEN)
    unseen = machine.measure(Design((), design.heads, design.distinct)).heads
    usual = usual_ratio(unseen)
    true = np.array([typical_us(head, usual) for head in unseen])
    keys = [parse_key(head.key) for head in unseen]
    by_batch = []
    for heads, model in models:
        predicted = predict_heads(model, keys).us
        by_batch.append((heads, float(np.abs(predicted / true - 1).mean()), spearman(predicted, true)))
    final = predict_heads(fit(profile)[0], keys)
    errors, (low, high) = np.abs(final.us / true - 1), final.interval()
    return Result(
        seed, len(profile.heads), calibration.steps[-1].board_s, float(errors.mean()), float((errors <= 0.1).mean()),
        float(errors.max()), spearman(final.us, true), float(((low <= true) & (true <= high)).mean()), tuple(by_batch),
    )  # fmt: skip


def plot(results: list[Result], path: Path) -> None:
    """MAPE and rank correlation against heads measured."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    error, rank = figure.subplots(1, 2)
    for result in results:
        heads = [batch[0] for batch in result.by_batch]
        error.plot(heads, [100 * batch[1] for batch in result.by_batch], "o-", label=f"seed {result.seed}")
        rank.plot(heads, [batch[2] for batch in result.by_batch], "o-")
    for axis, label in ((error, "mean error of 60 unseen heads (%)"), (rank, "rank correlation")):
        axis.set_xlabel("heads measured")
        axis.set_ylabel(label)
        axis.grid(visible=True, alpha=0.3)
    error.legend()
    figure.savefig(path, dpi=130)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", choices=["xnnpack", "reference"], default="xnnpack")
    parser.add_argument("--runs", type=int, default=3, help="calibrations, another seed each (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the first (default 0)")
    parser.add_argument("--output", type=Path, help="plot, a .png file")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    machine = Machine(Kernels(given.kernels))
    results = []
    for seed in range(given.seed, given.seed + given.runs):
        begun = time.monotonic()
        results.append(run(machine, seed))
        print(f"run {seed}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
    if given.output:
        plot(results, given.output)
    if given.json:
        print(json.dumps({"kernels": given.kernels, "runs": [asdict(result) for result in results]}, indent=1))
        return
    print(f"{platform.machine()}, {given.kernels} kernels, {_UNSEEN} unseen heads a run")
    print("| seed | heads | board s | MAPE | within 10 % | max | rank corr. | in 90 % interval |")
    print("|---|---|---|---|---|---|---|---|")
    for r in results:
        print(
            f"| {r.seed} | {r.heads} | {r.board_s:.1f} | {r.mape:.1%} | {r.within_10:.0%} | {r.maximum:.1%} "
            f"| {r.rank_correlation:.4f} | {r.inside_90:.0%} |"
        )


if __name__ == "__main__":
    main()
