"""``nasc-sdk infer --model``: any .tflite model over a file of samples, here, without agent or broker."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.runtime.arrays import dequantize, fit_dtype, read_bytes, read_npy, samples, write_npy
from nasc_sdk.runtime.base import Array, Kernels, Session, describe
from nasc_sdk.runtime.check import check_model
from nasc_sdk.runtime.select import open_runtime

_MAX_OUTPUT_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class LocalInference:
    """What ``infer --model`` did; ``scale`` 0 when the output is real numbers. Latencies are measured."""

    model: str
    output: str
    samples: int
    output_shape: tuple[int, ...]
    output_dtype: str
    scale: float
    zero_point: int
    runtime: str
    kernels: Kernels
    median_ms: float
    p95_ms: float

    def __str__(self) -> str:
        shape = "x".join(map(str, self.output_shape))
        return (
            f"{self.samples} samples through {self.model} on {self.runtime} ({self.kernels}): measured "
            f"{self.median_ms:.3f} ms median, {self.p95_ms:.3f} ms p95 an invocation\n"
            f"{shape} {self.output_dtype} written to {self.output}"
        )


def infer_file(
    model_path: Path,
    input_path: Path,
    output_path: Path,
    *,
    runtime_name: str = "auto",
    kernels: Kernels = Kernels.XNNPACK,
    real_output: bool = False,
) -> LocalInference:
    """Run every sample of a .npy file and write as many outputs, in order.

    Real inputs are quantized when the model is; integers pass as they are. The output is what the model
    stores, or real numbers with ``real_output``. Raises InputError, StorageError, RuntimeUnavailableError.
    """
    model, runtime = read_bytes(model_path), open_runtime(runtime_name)
    check_model(model, name=str(model_path), runtime=runtime, kernels=kernels)
    session = runtime.load(model, kernels=kernels, name=str(model_path))
    if len(session.inputs) != 1:
        raise InputError(f"{model_path} has {len(session.inputs)} inputs; one .npy file feeds one")
    runs = samples(read_npy(input_path), session.inputs[0], str(input_path))
    outputs, latencies_ms = _run_all(session, runs, str(input_path))
    info = session.outputs[0]
    if real_output:
        outputs = dequantize(outputs, info)
    write_npy(output_path, outputs)
    median_ms, p95_ms = np.percentile(latencies_ms, (50, 95))
    return LocalInference(
        str(model_path),
        str(output_path),
        runs.shape[0] * runs.shape[1],
        outputs.shape,
        outputs.dtype.name,
        0.0 if real_output else info.scale,
        0 if real_output else info.zero_point,
        describe(runtime),
        kernels,
        float(median_ms),
        float(p95_ms),
    )


def _run_all(session: Session, runs: Array, name: str) -> tuple[Array, list[float]]:
    info = session.outputs[0]
    if len(runs) * info.nbytes > _MAX_OUTPUT_BYTES:
        raise InputError(f"{name} would give {len(runs) * info.nbytes} bytes of output; split it")
    outputs = np.empty((len(runs), *info.shape), info.dtype)
    latencies_ms = []
    for index, run in enumerate(runs):
        session.feed(fit_dtype(run, session.inputs[0], name))
        started = time.perf_counter_ns()
        session.invoke()
        latencies_ms.append((time.perf_counter_ns() - started) / 1e6)
        outputs[index] = session.fetch()
    return outputs.reshape(-1, *info.shape[1:]) if info.shape else outputs, latencies_ms
