"""Distribution: categorical over architecture, cut and encoding, trained beside the weights that its samples share.

One-shot search by stochastic relaxation (Akimoto et al., ICML 2019, arXiv 1905.08537): what is minimised is the loss
``f(x, c)`` of weights ``x`` and choices ``c`` in its mean over ``c ~ p_theta``, in turns:

* ``x`` by the gradient of the training loss, its mean over ``SAMPLES`` draws from p_theta (their lambda_x);
* ``theta`` by a natural gradient step (their algorithm 1, :class:`nasc_search.algorithms.asng.ASNG`) from the ranks of
  ``SAMPLES`` other draws (lambda_theta), all on one batch of images that no weight is trained on.

As in the authors' program both kinds of draws are independent, and batch norm takes the statistics of the batch in
both. What is not theirs is the constraint: points that break a limit rank below all others, by how much they break it,
so that they need no forward pass; weights are trained on draws that keep it. Theta waits for the first
``WARM_UP`` of the steps, and rests once it has converged.
"""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import torch

from nasc_sdk.candidate import Candidate, CutEncoding, Entropy
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.algorithms.asng import ASNG
from nasc_search.algorithms.problem import Array, Outcome, Point
from nasc_search.data.batches import draw_batch
from nasc_search.data.dataset import Dataset, Split
from nasc_search.encodings.shares import measure_shares, narrowed_cuts, packed_cuts
from nasc_search.export.quantize import quantize
from nasc_search.oneshot.candidates import NO_NETWORK, Candidates
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.loss import loss_of
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.pace import Spread
from nasc_search.supernet.parallel import Group
from nasc_search.supernet.step import Route, diverged

SAMPLES: Final = 2
"""Draws of a step for the weights, and as many for theta: the paper's lambda."""
WARM_UP: Final = 0.1
"""Share of the steps before theta moves: weights that know nothing favour what learns fastest."""
_SEED: Final = 1 << 21
"""Apart from the seeds of the supernet's own steps: its batches are not repeated."""
_DRAWS: Final = 64
"""At most, until one keeps the limit."""
_CHOSEN_AMONG: Final = 1000
_MEASURED: Final = 10
"""Times in a training that what entropy coding leaves is measured anew."""
_MEASURED_ON: Final = 64


class Distribution:
    """A :class:`nasc_search.supernet.sampler.Sampler`; ``held_out`` are the images that theta learns from."""

    def __init__(self, candidates: Candidates, dataset: Dataset, held_out: Split, options: TrainOptions) -> None:
        self.candidates = candidates
        self._dataset, self._held_out, self._options = dataset, held_out, options
        self._algorithm = ASNG(candidates.problem, options.seed)
        self._calibration = torch.from_numpy(dataset.normalise(dataset.calibration.take(_MEASURED_ON).images))

    @property
    def name(self) -> str:
        """Space, constraints, devices, link and encodings."""
        setting = self.candidates.setting
        return f"asng ({setting}, {len(self.candidates.encodings)} encodings, setting {setting.digest})"

    @property
    def theta(self) -> Array:
        """[variables, largest size] Probability of each value; rows add up to 1."""
        return self._algorithm.theta

    @property
    def spread(self) -> Spread:
        """How decided theta is."""
        theta = self.theta
        logs = np.log2(theta, out=np.zeros_like(theta), where=theta > 0)
        return Spread(float(-(theta * logs).sum()), float(theta.max(axis=1).prod()))

    def step(self, supernet: Supernet, step: int, group: Group) -> list[Route]:
        """Move theta, then draw what the weights are trained on."""
        rng = np.random.default_rng((self._options.seed, _SEED + step))
        if step % -(-self._options.steps // _MEASURED) == 0:
            self.measure(supernet, self._draw(rng).arch)
        if step >= WARM_UP * self._options.steps and not self._algorithm.converged:
            self._learn(supernet, step, rng, group)
        return [self.candidates.route(self._draw(rng)) for _ in range(SAMPLES)]

    def chosen(self) -> tuple[Candidate, bool]:
        """The mode, or the most likely of some draws that keeps the limit; and whether it is the mode.

        InfeasibleError where none does.
        """
        theta, rng = self.theta, np.random.default_rng((self._options.seed, _SEED - 1))
        mode = self._algorithm.mode
        drawn = self._sample(rng, _CHOSEN_AMONG)
        drawn.sort(key=lambda point: -float(np.log(theta[np.arange(len(point)), point]).sum()))
        for point in (mode, *drawn):
            if self.candidates.violation(point) <= 0:
                return self.candidates.candidate(point), point == mode
        least = min(map(self.candidates.violation, (mode, *drawn)))
        raise InfeasibleError(
            f"the distribution has not found a candidate that keeps {self.candidates.setting}",
            (f"the nearest of {_CHOSEN_AMONG} draws misses it by {least:.1%}; train for more steps, or loosen it",),
        )

    def measure(self, supernet: Supernet, arch: str) -> None:
        """Measure what entropy coding leaves of the cuts of an architecture, for predictions from now on."""
        network = supernet.space.network(arch)
        weights = recalibrate(supernet, network, self._calibration)
        folded = FoldedNetwork(network, weights)
        quantized = quantize(network, weights, folded.ranges(self._calibration))
        narrowed = narrowed_cuts(supernet, folded, self._calibration)
        self.candidates.shares = measure_shares((*packed_cuts(folded, quantized, self._calibration), *narrowed))

    def state(self) -> str:
        """Theta with its adaptation, and what entropy coding leaves."""
        every = self.candidates.shares.items()
        shares = [[cut, code.bits, code.entropy, share, code.bottleneck] for (cut, code), share in every]
        return json.dumps({"algorithm": self._algorithm.state(), "shares": shares})

    def restore(self, state: str) -> None:
        """Go on from a saved state; InputError when it is not one of this problem."""
        try:
            saved = json.loads(state)
            self._algorithm.restore(saved["algorithm"])
            self.candidates.shares = {
                # States from before bottlenecks had shares end with the share.
                (int(cut), CutEncoding(int(bits), int(sum(bottleneck)), Entropy(coding))): float(share)
                for cut, bits, coding, share, *bottleneck in saved["shares"]
            }
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the checkpoint holds no distribution: {error!r}; begin anew") from error

    def _learn(self, supernet: Supernet, step: int, rng: np.random.Generator, group: Group) -> None:
        """One update of theta; all its samples see the same images."""
        options = self._options
        shown, known = draw_batch(self._dataset, self._held_out, options.batch, (), rng, group.share)
        images, labels = torch.from_numpy(shown).permute(0, 3, 1, 2), torch.from_numpy(known)
        for _ in range(SAMPLES):
            point = self._algorithm.ask()
            violation = self.candidates.violation(point)
            objectives: tuple[float, ...] = ()
            if violation <= 0:
                loss = self._loss(supernet, point, images, labels, group)
                if not np.isfinite(loss):
                    raise diverged(step, loss)
                objectives = (-loss,)
            self._algorithm.tell(point, Outcome(objectives, violation))

    @torch.no_grad()
    def _loss(
        self, supernet: Supernet, point: Point, images: torch.Tensor, labels: torch.Tensor, group: Group
    ) -> float:
        route = self.candidates.route(self.candidates.candidate(point))
        with torch.autocast("cpu", torch.bfloat16, enabled=self._options.bfloat16):
            logits = supernet(images, route.network, route.crossing)
        return float(group.mean(loss_of(logits, labels)))

    def _draw(self, rng: np.random.Generator) -> Candidate:
        """From p_theta under the condition that the limit is kept; the nearest where no draw keeps it."""
        best: tuple[float, Point] = (np.inf, ())
        for point in self._sample(rng, _DRAWS):
            best = min(best, (self.candidates.violation(point), point))
            if best[0] <= 0:
                break
        if best[0] >= NO_NETWORK:
            raise InputError(f"none of {_DRAWS} draws from the distribution is a network")
        return self.candidates.candidate(best[1])

    def _sample(self, rng: np.random.Generator, count: int) -> list[Point]:
        sizes = np.array(self.candidates.problem.sizes)
        drawn = rng.random((count, len(sizes), 1))
        places = (self.theta.cumsum(axis=1) <= drawn).sum(axis=2)
        # Rows of theta add up to 1 up to rounding.
        return [tuple(point) for point in np.minimum(places, sizes - 1).tolist()]
