"""What an exported head must look like for the runtime and kernels that a board said it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nasc_sdk.mcu.plan import FIRMWARE
from nasc_sdk.profiling.profile import Conditions
from nasc_sdk.runtime.base import Kernels as RuntimeKernels
from nasc_search.export.forms import Form
from nasc_search.export.integer_reference import Kernels


@dataclass(frozen=True, slots=True)
class Target:
    """Form of the model, and how its golden output is computed and compared."""

    form: Form
    kernels: Kernels
    tolerance_steps: int
    """Largest difference between the integer reference and this runtime."""


EXACT: Final = Target(Form.BUILTIN, Kernels.REFERENCE, 0)
"""A microcontroller's firmware gives the bytes of the reference kernels, whatever its own are called."""
FASTEST: Final = Target(Form.XNNPACK, Kernels.XNNPACK, 2)


def target_of(conditions: Conditions) -> Target:
    """Choose by what was measured: XNNPACK and reference kernels are bit-exact, optimised builtin ones drift."""
    if conditions.runtime.startswith(FIRMWARE):
        return EXACT
    if conditions.kernels == RuntimeKernels.XNNPACK and conditions.runtime.startswith("ai-edge-litert"):
        return FASTEST
    if conditions.kernels == RuntimeKernels.REFERENCE:
        return Target(Form.BUILTIN, Kernels.REFERENCE, 2)
    return Target(Form.BUILTIN, Kernels.REFERENCE, 8)
