"""Which form of a model a board is given, by what it says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nasc_sdk.mcu.plan import FIRMWARE
from nasc_sdk.profiling.conditions import read_conditions
from nasc_sdk.runtime.base import Kernels as RuntimeKernels
from nasc_sdk.runtime.select import open_runtime
from nasc_search.export.forms import Form
from nasc_search.export.integer_reference import Kernels
from nasc_search.service.target import Target, target_of

HERE = read_conditions(open_runtime("ai-edge-litert"), RuntimeKernels.XNNPACK, 1)


@pytest.mark.parametrize(
    ("runtime", "kernels", "target"),
    [
        ("ai-edge-litert 2.0", "xnnpack", Target(Form.XNNPACK, Kernels.XNNPACK, 2)),
        ("ai-edge-litert 2.0", "reference", Target(Form.BUILTIN, Kernels.REFERENCE, 2)),
        ("tflite-runtime 2.14", "xnnpack", Target(Form.BUILTIN, Kernels.REFERENCE, 8)),
        (f"{FIRMWARE} 0.1.0", "dsp", Target(Form.BUILTIN, Kernels.REFERENCE, 0)),
        (f"{FIRMWARE} 0.1.0", "mve", Target(Form.BUILTIN, Kernels.REFERENCE, 0)),
    ],
)
def test_the_form_follows_runtime_and_kernels(runtime, kernels, target):
    assert target_of(replace(HERE, runtime=runtime, kernels=kernels)) == target
