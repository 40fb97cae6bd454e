"""Every kernel set gives the bytes of the reference, for random shapes; one body of cases for all of them."""

from dataclasses import replace

import pytest

from nasc_sdk.mcu.packing import Packing
from tests.firmware import harness
from tests.firmware.kernels.draw import cases
from tests.firmware.kernels.edges import edges
from tests.firmware.kernels.reference import expected

NEEDS_CC = pytest.mark.skipif(bool(harness.missing("cc")), reason=harness.missing("cc"))
TOOLS = harness.missing("arm-none-eabi-gcc", "qemu-system-arm")
NEEDS_EMULATOR = pytest.mark.skipif(bool(TOOLS), reason=TOOLS)


def assert_same(drawn, outputs):
    wrong = [case.title for case, output in zip(drawn, outputs, strict=True) if output != expected(case)]
    assert not wrong, f"{len(wrong)} of {len(drawn)}: {wrong[:5]}"


@NEEDS_CC
def test_plain_on_the_host(tmp_path):
    drawn = cases(1, 40) + edges(1)
    assert_same(drawn, harness.run_on_host(harness.build_for_host(tmp_path), drawn, tmp_path))


@NEEDS_EMULATOR
@pytest.mark.parametrize(
    ("machine", "packing"),
    [(harness.M3, Packing.PLAIN), (harness.M4, Packing.DSP), (harness.M55, Packing.MVE)],
    ids=["plain", "dsp", "mve"],
)
def test_on_an_emulated_core(machine, packing, tmp_path):
    drawn = cases(2, 40) + edges(2)
    program = harness.build(machine, packing, tmp_path)
    assert_same(drawn, harness.run(machine, packing, program, drawn)[0])


@NEEDS_EMULATOR
@pytest.mark.parametrize(
    ("core", "packing"),
    [("cortex-m0plus", Packing.PLAIN), ("cortex-m7", Packing.DSP), ("cortex-m33", Packing.DSP)],
)
def test_other_cores_compile(core, packing, tmp_path):
    harness.build(replace(harness.M4, flags=(f"-mcpu={core}",)), packing, tmp_path)
