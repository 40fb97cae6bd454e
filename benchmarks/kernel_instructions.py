"""Instructions per multiplication or element of the firmware's int8 kernels, by QEMU; plain C beside each set.

    python -m benchmarks.kernel_instructions                from the repository's folder; about half a minute
    python -m benchmarks.kernel_instructions --json

Needs arm-none-eabi-gcc and qemu-system-arm. Under ``-icount shift=7`` one instruction takes 128 ns of the machine's
time, so these are instructions, neither cycles nor milliseconds. Requantization and borders are included; weights are
packed before, as in a plan. Products with padding count as products. ADD, RESCALE and AVERAGE_POOL are per element of
the output, tables that a call makes for itself included; scales are such as TFLite gives: of a sum's two, the larger is
1/2. Plain C is the kernels of plain/ compiled for the same core with the same flags. Outputs are compared with the
numpy reference.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tests.firmware import harness
from tests.firmware.harness import M3, M4, M55, Machine
from tests.firmware.kernels.cases import Case, Operator
from tests.firmware.kernels.draw import convolution, flat, same_window
from tests.firmware.kernels.reference import expected

from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.plan import Window

SEED = 7


@dataclass(frozen=True, slots=True)
class Shape:
    """One convolution."""

    name: str
    window: Window
    depthwise: bool = False

    def case(self) -> Case:
        """With random steps and weights, always the same."""
        return convolution(np.random.default_rng(SEED), self.window, depthwise=self.depthwise, ordinary=True)

    def units(self) -> int:
        """Multiplications."""
        return self.case().macs


@dataclass(frozen=True, slots=True)
class Elements:
    """One operator without weights; a pool has no scales, a sum has three."""

    name: str
    window: Window
    scales: tuple[tuple[int, int], ...] = ()
    low: int = -128

    def case(self) -> Case:
        """With random steps, always the same."""
        random = np.random.default_rng(SEED)
        operator = {0: Operator.AVERAGE_POOL, 1: Operator.RESCALE, 3: Operator.ADD}[len(self.scales)]
        first, second = random.integers(-128, 128, (2, *self.window.input)).astype(np.int8)
        return Case(
            operator, self.window, first, second=second, multipliers=np.array(self.scales, np.int64),
            in_zero=3, second_zero=-5, out_zero=-7, low=self.low,
        )  # fmt: skip

    def units(self) -> int:
        """Elements of the output."""
        return int(np.prod(self.window.output))


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; all but the names in instructions per multiplication or element."""

    shape: str
    machine: str
    kernels: str
    measured: float
    plain: float
    aim: float | None


HALF = (1 << 30, 0)
SUM = (HALF, (1_500_000_000, -1), (1_700_000_000, -18))
SHAPES: tuple[Shape | Elements, ...] = (
    Shape("3x3 32x32x16->16", same_window(32, 32, 16, 16, 3)),
    Shape("3x3 8x8x32->32", same_window(8, 8, 32, 32, 3)),
    Shape("3x3 32x32x3->16", same_window(32, 32, 3, 16, 3)),
    Shape("1x1 16x16x32->32", same_window(16, 16, 32, 32, 1)),
    Shape("dense 1024->10", Window((1, 1, 1024), (1, 1, 10))),
    Shape("depthwise 3x3 16x16x32", same_window(16, 16, 32, 32, 3), depthwise=True),
    Shape("depthwise 3x3 16x16x32 /2", same_window(16, 16, 32, 32, 3, 2), depthwise=True),
    Shape("depthwise 5x5 16x16x32", same_window(16, 16, 32, 32, 5), depthwise=True),
    Elements("relu 100", flat(100), ((1_500_000_000, 0),), low=-7),
    Elements("relu 1000", flat(1000), ((1_500_000_000, 0),), low=-7),
    Elements("relu 16384", flat(16384), ((1_500_000_000, 0),), low=-7),
    Elements("quantize 1000", flat(1000), ((2_100_000_000, 0),)),
    Elements("add 100", flat(100), SUM),
    Elements("add 1000", flat(1000), SUM),
    Elements("add 16384", flat(16384), SUM),
    Elements("add of equal scales 16384", flat(16384), (HALF, HALF, SUM[2])),
    Elements("average 3x3 16x16x32", same_window(16, 16, 32, 32, 3)),
    Elements("average 2x2 16x16x32 /2", same_window(16, 16, 32, 32, 2, 2)),
    Elements("average 8x8x64", Window((8, 8, 64), (1, 1, 64), (8, 8))),
)
AIMS = {
    ("3x3 32x32x16->16", M4): 1.70,
    ("3x3 32x32x16->16", M3): 3.0,
    ("3x3 32x32x16->16", M55): 0.38,
    ("3x3 8x8x32->32", M4): 1.55,
    ("1x1 16x16x32->32", M4): 2.0,
    **{("relu 1000", machine): 5.0 for machine in (M3, M4, M55)},
    **{(f"add {count}", machine): most for count in (1000, 16384) for machine, most in ((M3, 24), (M4, 24), (M55, 6))},
}
DEPTHWISE_GAIN = 2.5
"""At least so many times fewer instructions than plain C, for 3x3 on Cortex-M4."""


def count(machine: Machine, packing: Packing, folder: Path) -> list[float]:
    """Instructions per multiplication, or element, of each shape."""
    cases = [shape.case() for shape in SHAPES]
    program = harness.build(machine, packing, folder)
    outputs, instructions = harness.run(machine, packing, program, cases, counting=True)
    wrong = [case.title for case, output in zip(cases, outputs, strict=True) if output != expected(case)]
    assert not wrong, wrong
    return [total / shape.units() for total, shape in zip(instructions, SHAPES, strict=True)]


def aim(shape: str, machine: Machine, plain: float) -> float | None:
    """What was to be reached, where anything was."""
    if machine is M4 and shape == "depthwise 3x3 16x16x32":
        return plain / DEPTHWISE_GAIN
    return AIMS.get((shape, machine))


def figures() -> list[Figure]:
    """All machines by all shapes."""
    lines = []
    with tempfile.TemporaryDirectory() as name:
        for machine, packing in ((M3, Packing.PLAIN), (M4, Packing.DSP), (M55, Packing.MVE)):
            plain = count(machine, Packing.PLAIN, Path(name))
            measured = plain if packing is Packing.PLAIN else count(machine, packing, Path(name))
            lines += [
                Figure(shape.name, machine.name, packing.name.lower(), one, other, aim(shape.name, machine, other))
                for shape, one, other in zip(SHAPES, measured, plain, strict=True)
            ]
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if reason := harness.missing("arm-none-eabi-gcc", "qemu-system-arm"):
        parser.exit(2, f"{reason}: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm\n")
    lines = figures()
    if given.json:
        print(json.dumps([asdict(line) for line in lines], indent=1))
        return
    print(f"{'instructions each':<32}{'machine':<12}{'kernels':<9}{'measured':>9}{'plain':>9}{'aim':>7}")
    for line in lines:
        last = f"{line.aim:7.2f}" if line.aim is not None else "      -"
        print(f"{line.shape:<32}{line.machine:<12}{line.kernels:<9}{line.measured:9.3f}{line.plain:9.3f}{last}")


if __name__ == "__main__":
    main()
