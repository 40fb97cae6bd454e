"""Instructions of the kernels against what is promised: counts of the emulator, the same on every machine."""

from __future__ import annotations

import pytest
from benchmarks.kernel_instructions import figures

from tests.firmware.kernels.test_kernels import NEEDS_EMULATOR


@NEEDS_EMULATOR
@pytest.mark.system
def test_kernels_take_no_more_instructions_than_promised():
    found = [figure for figure in figures() if figure.aim is not None]
    assert {figure.machine for figure in found} == {"Cortex-M3", "Cortex-M4", "Cortex-M55"}
    assert not [figure for figure in found if figure.measured > figure.aim]
