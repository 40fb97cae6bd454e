"""Entropy coding of real cuts: bytes and time of deflate and Zstandard at several levels.

    python benchmarks/coding.py [--images 32] [--json]

Payloads are those of the most accurate shipped network with its own weights, packed as a board packs them: every cut at
8, 4 and 2 bits, and some narrowed by its encoders (98 B to 12.5 KB). Sizes are the 95th percentile over images, as
searches charge them; times are medians over images of the fastest of five runs. The last columns say what is fastest
from packed codes to packed codes, expanding included, at some throughputs, both ends being this machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from nasc_sdk import zstd
from nasc_sdk.agent.quantize import CutEncoder
from nasc_sdk.candidate import Candidate, CutEncoding, Entropy
from nasc_sdk.cli.output import format_table
from nasc_sdk.entropy import ZLIB_LEVEL, expand
from nasc_search.data.fashion_mnist import load
from nasc_search.encodings.shares import PERCENTILE, packed_cuts
from nasc_search.export.quantize import quantize_array
from nasc_search.pretrained.load import open_pretrained
from nasc_search.service.workshop import Workshop
from nasc_search.supernet.own_weights import OwnWeights

Compress = Callable[[bytes], bytes]
CODINGS: dict[str, tuple[Entropy, Compress]] = {
    "zlib 1": (Entropy.ZLIB, lambda data: zlib.compress(data, 1)),
    f"zlib {ZLIB_LEVEL}": (Entropy.ZLIB, lambda data: zlib.compress(data, ZLIB_LEVEL)),
    **{
        f"zstd {level}": (Entropy.ZSTD, lambda data, level=level: zstd.compress(data, level))  # type: ignore[misc]
        for level in (1, zstd.LEVEL, 6, 9, 19)
    },
}
CHOSEN = (f"zlib {ZLIB_LEVEL}", f"zstd {zstd.LEVEL}")
THROUGHPUTS_MBIT_S = (1.0, 10.0, 50.0)
NARROWED = ((1, 8, 4), (1, 2, 2), (4, 8, 4), (4, 4, 2), (7, 8, 2))
"""Cut, channels, bits."""


@dataclass(frozen=True, slots=True)
class Coded:
    """One coding of one cut."""

    coding: str
    bytes_p95: float
    encode_us: float
    expand_us: float


@dataclass(frozen=True, slots=True)
class Row:
    """One cut and what becomes of it."""

    cut: int
    encoding: str
    packed_bytes: int
    coded: tuple[Coded, ...]

    def fastest(self, mbit_s: float) -> str:
        """Of what searches choose among."""
        times = {"none": 8 * self.packed_bytes / mbit_s}
        for one in self.coded:
            if one.coding in CHOSEN:
                times[one.coding] = one.encode_us + 8 * one.bytes_p95 / mbit_s + one.expand_us
        return min(times, key=lambda name: times[name])


def cuts_of(workshop: Workshop, arch: str, images: torch.Tensor) -> Iterator[tuple[int, str, tuple[bytes, ...]]]:
    """Cut, encoding and packed payloads."""
    prepared = workshop.prepare(arch)
    for packed in packed_cuts(prepared.folded, prepared.quantized, images):
        yield packed.cut, str(packed.encoding), packed.payloads
    for cut, channels, bits in NARROWED:
        encoded = workshop.encode(Candidate(arch, cut, CutEncoding(bits, channels)))
        after = encoded.network.blocks[encoded.place].name
        values = encoded.folded.block_inputs(images)[after]
        encoder = CutEncoder(encoded.contract, encoded.made)
        made = quantize_array(values, encoded.made)
        yield cut, str(encoded.contract.encoding), tuple(encoder(sample[None]) for sample in made)


def measured(name: str, payloads: tuple[bytes, ...]) -> Coded:
    """One coding on all payloads."""
    coding, compress = CODINGS[name]
    made = [compress(payload) for payload in payloads]
    size = len(payloads[0])
    return Coded(
        name,
        float(np.percentile([len(one) for one in made], PERCENTILE)),
        float(np.median([_fastest_us(lambda payload=payload: compress(payload)) for payload in payloads])),  # type: ignore[misc]
        float(np.median([_fastest_us(lambda one=one: expand(coding, one, size)) for one in made])),  # type: ignore[misc]
    )


def _fastest_us(run: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        begun = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - begun)
    return min(times) / 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        trained, data = open_pretrained(None, Path(folder)), load()
        own = OwnWeights(Path(folder) / "own", trained.weights, trained.own_folder)
        arch = max(trained.evaluated, key=lambda key: trained.evaluated[key])
        images = torch.from_numpy(data.normalise(data.calibration.images[: given.images]))
        rows = [
            Row(cut, encoding, len(payloads[0]), tuple(measured(name, payloads) for name in CODINGS))
            for cut, encoding, payloads in cuts_of(Workshop(trained.supernet, data, own), arch, images)
        ]
    if given.json:
        print(json.dumps({"arch": arch, "rows": [asdict(row) for row in rows]}, indent=1))
        return
    print(f"{arch}, {given.images} images: bytes (p{PERCENTILE:g}) / encode us / expand us")
    header = ("cut", "encoding", "packed B", *CODINGS, *(f"{mbit_s:g} Mbit/s" for mbit_s in THROUGHPUTS_MBIT_S))
    shown = [
        (
            str(row.cut), row.encoding, str(row.packed_bytes),
            *(f"{one.bytes_p95:.0f} / {one.encode_us:.0f} / {one.expand_us:.0f}" for one in row.coded),
            *map(row.fastest, THROUGHPUTS_MBIT_S),
        )
        for row in rows
    ]  # fmt: skip
    print(format_table(header, shown))


if __name__ == "__main__":
    main()
