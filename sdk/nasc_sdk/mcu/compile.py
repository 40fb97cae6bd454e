"""From an int8 .tflite model to a plan: operators for the firmware's kernels, weights packed, memory placed.

    model bytes --tflite/model.py--> Model --lower.py--> operators on numbered tensors --here--> Plan --plan.py--> bytes

The outcome of a run is TFLite's reference kernels', to the bit. Raises InputError for whatever the firmware would not
compute so: it is better to refuse here, where there is room for an explanation, than on the board.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nasc_sdk.bundle import Quantization
from nasc_sdk.mcu.lower import Lowered, Step, lower
from nasc_sdk.mcu.packing import Packing
from nasc_sdk.mcu.plan import Plan, PlanOperator, golden_input
from nasc_sdk.tflite.model import Model, Tensor, read_model
from nasc_sdk.tflite.placement import aligned, lower_bound, place

if TYPE_CHECKING:
    from nasc_sdk.runtime.base import Runtime


def compile_model(data: bytes, packing: Packing, name: str) -> Plan:
    """The plan, without its golden output; raises InputError, MissingExtraError without the ``mcu`` extra."""
    model = read_model(data, name)
    return _placed(model, lower(model, packing, name), packing)


def with_golden(plan: Plan, data: bytes, runtime: Runtime, name: str) -> Plan:
    """The plan with the CRC of what TFLite's reference kernels answer to its golden input."""
    from nasc_sdk.runtime.base import Kernels

    session = runtime.load(data, kernels=Kernels.REFERENCE, name=name)
    count = 1
    for size in plan.input_shape:
        count *= size
    output = session.run(golden_input(count).reshape(plan.input_shape))
    return replace(plan, golden_crc32=zlib.crc32(output.tobytes()))


def _placed(model: Model, lowered: Lowered, packing: Packing) -> Plan:
    """Every tensor and scratch at its offset. Input and output are alive before the first and after the last step."""
    names, sizes, first, last = _lifetimes(lowered)
    offsets = dict(zip(names, place(sizes, first, last), strict=True))
    end = max(offsets[name] + size for name, size in zip(names, sizes, strict=True))
    source, target = model.tensors[model.input], model.tensors[model.output]
    return Plan(
        packing=packing,
        operators=tuple(_operator(step, index, offsets) for index, step in enumerate(lowered.steps)),
        arena_bytes=end,
        lower_bound_bytes=lower_bound(sizes, first, last),
        input=offsets[lowered.input],
        input_shape=source.shape,
        input_quantization=_quantization(source),
        output=offsets[lowered.output],
        output_shape=target.shape,
        output_quantization=_quantization(target),
    )


_Owner = int
"""Number of a tensor, or -1 - number of a step for its scratch."""


def _lifetimes(lowered: Lowered) -> tuple[Sequence[_Owner], list[int], list[int], list[int]]:
    """Owners, aligned sizes, first and last step, in the order they are written."""
    first, last = {lowered.input: -1}, {lowered.input: -1}
    sizes = {lowered.input: lowered.sizes[lowered.input]}
    for index, step in enumerate(lowered.steps):
        for source in step.sources:
            last[source] = index
        first[step.target] = last[step.target] = index
        sizes[step.target] = lowered.sizes[step.target]
        if step.operator.scratch_bytes:
            owner = _scratch_of(index)
            first[owner] = last[owner] = index
            sizes[owner] = step.operator.scratch_bytes
    last[lowered.output] = len(lowered.steps)
    owners = list(sizes)
    return owners, [aligned(sizes[o]) for o in owners], [first[o] for o in owners], [last[o] for o in owners]


def _scratch_of(index: int) -> _Owner:
    return -1 - index


def _operator(step: Step, index: int, offsets: dict[_Owner, int]) -> PlanOperator:
    second = offsets[step.sources[1]] if len(step.sources) > 1 else 0
    return replace(
        step.operator,
        input=offsets[step.sources[0]],
        output=offsets[step.target],
        second=second,
        scratch=offsets.get(_scratch_of(index), 0),
    )


def _quantization(tensor: Tensor) -> Quantization:
    return Quantization(tensor.scale, tensor.zero_point)
