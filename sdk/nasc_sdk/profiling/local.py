"""``nasc-sdk profile --model``: any .tflite model, measured here, whole and operator by operator."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.profiling.measure import Progress, measure
from nasc_sdk.profiling.operators import OperatorReport, profile_operators
from nasc_sdk.profiling.plan import Dtype, PlanItem, ProfilePlan
from nasc_sdk.profiling.power import find_sensor
from nasc_sdk.profiling.profile import Profile
from nasc_sdk.runtime.arrays import fit_dtype, random_input, read_bytes, read_npy, samples
from nasc_sdk.runtime.base import Array, Kernels, Runtime, Session, TensorInfo
from nasc_sdk.runtime.check import check_model
from nasc_sdk.runtime.select import open_runtime

DEVICE: Final = "this-machine"
THREADS: Final = 1
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A model with one input, loaded, and what to feed it with."""

    model: bytes
    runtime: Runtime
    session: Session
    array: Array
    note: str
    """Where the input is from."""


def open_model(
    model_path: Path, input_path: Path | None, *, runtime_name: str, kernels: Kernels
) -> OpenModel:
    """Load a model; it is fed with the first sample of a .npy file, or random values over its input's range.

    Raises InputError, RuntimeUnavailableError.
    """
    model, runtime = read_bytes(model_path), open_runtime(runtime_name)
    check_model(model, name=str(model_path), runtime=runtime, kernels=kernels)
    session = runtime.load(model, kernels=kernels, threads=THREADS, name=str(model_path))
    if len(session.inputs) != 1:
        raise InputError(f"{model_path} has {len(session.inputs)} inputs; profile takes models with one")
    array, note = _input(input_path, session.inputs[0])
    return OpenModel(model, runtime, session, array, note)


def profile_file(
    model_path: Path,
    input_path: Path | None = None,
    *,
    rounds: int = 9,
    runtime_name: str = "auto",
    kernels: Kernels = Kernels.XNNPACK,
    progress: Progress | None = None,
) -> Profile:
    """Time a model on the first sample of a .npy file, or on random values over its input's range.

    The Profile has no blocks and one head. Raises InputError, RuntimeUnavailableError.
    """
    opened = open_model(model_path, input_path, runtime_name=runtime_name, kernels=kernels)
    model, runtime = opened.model, opened.runtime
    item = _item(model_path, model, opened.array, opened.session.inputs[0])
    plan = ProfilePlan((item,))
    profile = measure(
        plan, runtime, kernels,
        device=DEVICE, rounds=rounds, threads=THREADS, progress=progress, sensor=find_sensor(),
    )  # fmt: skip
    report = profile_operators(
        model, item.input, runtime=runtime, kernels=kernels, threads=THREADS, rounds=rounds
    )
    # The whole that was timed in turns with the operators: another process may run at another speed.
    head = replace(profile.heads[0], ops=report.ops, timing=report.whole or profile.heads[0].timing)
    return replace(profile, heads=(head,), notes=(*profile.notes, opened.note, _operators_note(report)))


def _input(path: Path | None, info: TensorInfo) -> tuple[Array, str]:
    if path is None:
        array = random_input(info, np.random.default_rng(_SEED))
        return array, f"no --input given: random {info.dtype} values; real ones may take another time"
    runs = samples(read_npy(path), info, str(path))
    return fit_dtype(runs[0], info, str(path)), f"input: first sample of {path}"


def _item(path: Path, model: bytes, array: Array, info: TensorInfo) -> PlanItem:
    if info.dtype not in get_args(Dtype):
        raise InputError(f"{path} takes {info.dtype}; profile takes int8 and float32 models")
    dtype: Dtype = "int8" if info.dtype == "int8" else "float32"
    key = f"model:{hashlib.sha256(model).hexdigest()[:16]}"
    shape = "x".join(map(str, info.shape))
    return PlanItem(key, path.name, shape, model, array.tobytes(), dtype, whole=True)


def _operators_note(report: OperatorReport) -> str:
    if report.whole is None:
        return report.reason
    total = sum(op.timing.median for op in report.ops)
    return (
        f"operators add up to {total:.1f} us, the model without the profiler took "
        f"{report.whole.median:.1f} us in turns with them ({100 * total / report.whole.median:.0f} %)"
    )
