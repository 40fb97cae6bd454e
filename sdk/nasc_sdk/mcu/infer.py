"""``nasc-sdk infer --board``: any int8 model over a file of samples, on a microcontroller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from nasc_sdk.mcu.profile import BoardOperator, operators_of
from nasc_sdk.mcu.session import BoardSession
from nasc_sdk.profiling.profile import TimeUnit
from nasc_sdk.runtime.arrays import dequantize, fit_dtype, read_bytes, read_npy, samples, write_npy
from nasc_sdk.runtime.base import Array


@dataclass(frozen=True, slots=True)
class BoardInference:
    """What ran; ``scale`` 0 when the output is real numbers. Counts are measured."""

    model: str
    output: str
    board: str
    samples: int
    output_shape: tuple[int, ...]
    output_dtype: str
    scale: float
    zero_point: int
    kernels: str
    median: float
    """Of a run, in ``unit``."""
    unit: TimeUnit
    operators: tuple[BoardOperator, ...]
    """With the counts of one run of the golden input."""

    def __str__(self) -> str:
        shape = "x".join(map(str, self.output_shape))
        return (
            f"{self.samples} samples through {self.model} on {self.board} ({self.kernels} kernels): measured "
            f"{self.median:.0f} {self.unit.value} median a run\n{shape} {self.output_dtype} written to {self.output}"
        )


def infer_on_board(
    session: BoardSession,
    model_path: Path,
    input_path: Path,
    output_path: Path,
    real_output: bool,
    progress: Callable[[int, int], None],
) -> BoardInference:
    """Bring the model, run every sample, write as many outputs, in order; ``progress`` is told how many are done.

    Real inputs are quantized, int8 ones pass. Raises InputError, StorageError, and all that :class:`BoardSession` does.
    """
    compiled = session.compile(read_bytes(model_path), model_path.name)
    session.bring(compiled)
    plan = compiled.plan
    source, target = plan.input_info, plan.output_info
    runs = samples(read_npy(input_path), source, str(input_path))
    outputs = np.empty((len(runs), *target.shape), np.int8)
    counts = []
    for index, run in enumerate(runs):
        count, answer = session.infer(fit_dtype(run, source, str(input_path)).tobytes())
        outputs[index] = np.frombuffer(answer, np.int8).reshape(target.shape)
        counts.append(count)
        progress(index + 1, len(runs))
    stored: Array = outputs.reshape(-1, *target.shape[1:]) if target.shape else outputs
    written = dequantize(stored, target) if real_output else stored
    write_npy(output_path, written)
    return BoardInference(
        str(model_path),
        str(output_path),
        session.board.name,
        len(runs),
        written.shape,
        written.dtype.name,
        0.0 if real_output else target.scale,
        0 if real_output else target.zero_point,
        session.hello.kernels,
        median(counts),
        session.counter.unit,
        operators_of(session, plan, session.profile(1)),
    )
