"""Time of each operator inside a model, in a child process: it plays with vtables and private structures.

The parent calls :func:`profile_operators`; the child is ``python -m nasc_sdk.profiling.operators``. Whatever
happens to the child, the parent gets a report: operators, or the reason why there are none.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np

from nasc_sdk.errors import NascError
from nasc_sdk.processes import describe_exit
from nasc_sdk.profiling.profile import OpTiming, Timing
from nasc_sdk.runtime.base import Array, Kernels, Runtime, Session, describe

_ROUND_NS: Final = 2_000_000
_MAX_REPEATS: Final = 50
_WARMUP: Final = 3


@dataclass(frozen=True, slots=True)
class OperatorReport:
    """Operators in the order of execution, microseconds; empty with a ``reason`` when they cannot be timed.

    ``whole`` is the same model without the profiler, timed in turns with it: what the operators add up to.
    """

    ops: tuple[OpTiming, ...] = ()
    whole: Timing | None = None
    reason: str = ""


class Event(NamedTuple):
    """One operator of one invocation; ``shape`` is of its output, empty when the runtime does not say."""

    op: str
    shape: str
    ns: float


class OperatorProfiler(Protocol):
    """A model loaded a second time, with a profiler attached."""

    def invoke(self) -> list[Event]:
        """Run once; the operators in the order of execution."""


class UnavailableError(NascError):
    """Operators cannot be timed on this runtime, kernels or platform."""


class _Request(msgspec.Struct, frozen=True):
    model: bytes
    input: bytes
    runtime: str
    kernels: Kernels
    threads: int
    rounds: int


def profile_operators(
    model: bytes,
    input_bytes: bytes,
    *,
    runtime: Runtime,
    kernels: Kernels,
    threads: int = 1,
    rounds: int = 9,
    timeout_s: float = 120.0,
) -> OperatorReport:
    """Time each operator of a model on raw input bytes; never raises for a runtime that cannot."""
    where = f"per-operator timing is not available on {describe(runtime)} ({kernels}): "
    request = msgspec.msgpack.encode(_Request(model, input_bytes, runtime.name, kernels, threads, rounds))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "nasc_sdk.profiling.operators"],
            input=request,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return OperatorReport(reason=f"{where}it took more than {timeout_s:g} s")
    if done.returncode != 0:
        return OperatorReport(reason=f"{where}the profiler {describe_exit(done.returncode)}")
    report = msgspec.json.decode(done.stdout, type=OperatorReport)
    return replace(report, reason=where + report.reason) if report.reason else report


def collect(profiler: OperatorProfiler, plain: Session, rounds: int) -> OperatorReport:
    """Alternate profiled and plain invocations; a sample is the mean of one round's repeats."""
    for _ in range(_WARMUP):
        plain.invoke()
        events = profiler.invoke()
    names = [(event.op, event.shape) for event in events]
    repeats = _repeats(plain.invoke)
    samples, whole = [], []
    for _ in range(rounds):
        started = time.perf_counter_ns()
        for _ in range(repeats):
            plain.invoke()
        whole.append((time.perf_counter_ns() - started) / repeats)
        runs = [[event.ns for event in profiler.invoke()] for _ in range(repeats)]
        samples.append(
            np.mean([run for run in runs if len(run) == len(names)] or [[0.0] * len(names)], axis=0)
        )
    if not names:
        raise UnavailableError("the runtime reported no operator")
    table = np.asarray(samples)
    ops = tuple(
        OpTiming(index, op, shape, _timing(table[:, index])) for index, (op, shape) in enumerate(names)
    )
    return OperatorReport(ops, _timing(np.asarray(whole)))


def _repeats(invoke: Callable[[], None]) -> int:
    started = time.perf_counter_ns()
    invoke()
    return min(max(_ROUND_NS // max(time.perf_counter_ns() - started, 1), 1), _MAX_REPEATS)


def _timing(samples_ns: Array) -> Timing:
    median, p95, minimum = np.percentile(samples_ns / 1000, (50, 95, 0))
    return Timing(float(median), float(p95), float(minimum), len(samples_ns))


def shapes_of_outputs(interpreter: object) -> list[tuple[str, str]]:
    """Operator and shape of the first output of each node, in order; empty when the runtime does not say."""
    try:
        details: Sequence[dict[str, Array]] = interpreter._get_ops_details()  # type: ignore[attr-defined]
        tensors = {tensor["index"]: tensor["shape"] for tensor in interpreter.get_tensor_details()}  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError, ValueError):
        return []
    return [
        (str(node["op_name"]), "x".join(str(size) for size in tensors.get(node["outputs"][0], ())))
        for node in details
        if len(node["outputs"])
    ]


def _report(request: _Request) -> OperatorReport:
    from nasc_sdk.profiling import operators_litert, operators_tflite_runtime
    from nasc_sdk.runtime import litert
    from nasc_sdk.runtime.select import open_runtime

    plain = open_runtime(request.runtime).load(
        request.model, kernels=request.kernels, threads=request.threads
    )
    info = plain.inputs[0]
    array = np.frombuffer(request.input, info.dtype).reshape(info.shape)
    plain.feed(array)
    backend = operators_litert if request.runtime == litert.NAME else operators_tflite_runtime
    profiler = backend.open_profiler(request.model, array, plain.outputs, request.kernels, request.threads)
    return collect(profiler, plain, request.rounds)


def main() -> None:
    """The child: a request on standard input, a report on standard output."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Request)
    try:
        report = _report(request)
    except (NascError, AttributeError, OSError, ImportError, ValueError) as error:
        report = OperatorReport(reason=str(error) or type(error).__name__)
    answers.write(msgspec.json.encode(report))
    # Native destructors meet vtables made here in an order that nobody defines.
    os._exit(0)


if __name__ == "__main__":
    main()
