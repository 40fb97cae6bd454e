"""What the experiment takes for granted, in words, for its document and its report."""

from __future__ import annotations

from collections.abc import Iterator

from nasc_search.experiment.coding import BOARD_FACTOR
from nasc_search.experiment.options import Options
from nasc_search.experiment.world import World


def assumptions(options: Options, world: World, fixed_cut: int) -> Iterator[str]:
    """One sentence or two each."""
    yield (
        "A latency is that of one image: board blocks + encoding + payload / throughput + round trip + decoding + "
        "server blocks; the answer's bytes are part of the round trip, and the last cut uses no link. All are the "
        "files' medians or means: no jitter, no loss, no queue at the server."
    )
    yield from world.assumptions()
    yield (
        "The server runs its blocks at the speed of the whole network measured on it, also where the tail is short; "
        "copies to and from a GPU are in no total."
    )
    yield (
        "Latencies are measured with noise, and predicted accuracies are off: whoever picks the best of thousands "
        "picks lucky ones, which holds for all strategies alike."
    )
    yield (
        f"Cut 0 sends {options.raw_bytes} bytes compressed to {options.raw_ratio:g} of that (about what PNG leaves of "
        "such images; an assumption), where the raw input may leave at all."
    )
    yield (
        "Points lost by encodings are those of the table under 'coding', whatever the architecture: measured on "
        "Fashion-MNIST, not on CIFAR, and in part assumed. 'uncertainty' scales them by 0, 2 and 4."
    )
    yield (
        "A bottleneck is a 1x1 convolution on each side at the device's median time for a multiply-accumulate; "
        f"packing and deflating take what an x86-64 machine takes, {BOARD_FACTOR:g} times that on the board."
    )
    yield (
        f"The fixed cut is {fixed_cut} ({world.anatomy.cuts[fixed_cut]}), int8. Baselines that split afterwards may "
        "use the same encodings, at no more points than NASC may lose."
    )
    yield (
        "Unknown of the paper (arXiv 2208.13968): its extension of FBNet, devices, bandwidths, quantisation, "
        "thresholds, and whether its baseline runs on the board or is split; 40-60 % is looked for against each "
        "reading."
    )
