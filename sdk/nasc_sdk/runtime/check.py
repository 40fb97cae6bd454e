"""Tries models in a child process first: a malformed file can crash the runtime and whoever loaded it.

Measured: tflite-runtime 2.14 does not verify its input (most truncations end in SIGSEGV); ai-edge-litert 2.3
does, and still some flipped bits let either run for ever. The child answers one JSON value a model on
standard output.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Sequence
from typing import BinaryIO, Final

import msgspec

from nasc_sdk.errors import InputError
from nasc_sdk.processes import converse
from nasc_sdk.runtime.base import Kernels, Runtime, check_header
from nasc_sdk.runtime.interpreter import first_line

_LENGTH: Final = struct.Struct(">I")
_MIN_MEMORY_BYTES: Final = 512 << 20


def check_model(
    model: bytes, *, name: str, runtime: Runtime, kernels: Kernels = Kernels.XNNPACK, timeout_s: float = 30.0
) -> None:
    """Load the model and invoke it once in a child process; raises InputError with what is wrong."""
    check_models([(name, model)], runtime=runtime, kernels=kernels, timeout_s=timeout_s)


def check_models(
    models: Sequence[tuple[str, bytes]],
    *,
    runtime: Runtime,
    kernels: Kernels = Kernels.XNNPACK,
    timeout_s: float = 60.0,
) -> None:
    """Try several (name, model) in one child process; raises InputError for the first that fails."""
    for name, model in models:
        check_header(model, name)
    request = b"".join(_LENGTH.pack(len(model)) + model for _, model in models)
    command = [sys.executable, "-P", "-m", "nasc_sdk.runtime.check", runtime.name, kernels.value]
    output, ended = converse(command, request, timeout_s)
    answers = output.splitlines()
    lost = f"the runtime {ended} on it; the file is probably damaged"
    for index, (name, _) in enumerate(models):
        reason = msgspec.json.decode(answers[index], type=str) if index < len(answers) else lost
        if reason:
            raise InputError(reason if reason.startswith(name) else f"{name}: {reason}")


def main() -> None:
    """The child: reads models from standard input, answers an empty string for a good one or the reason."""
    from nasc_sdk.runtime.select import open_runtime

    # Native code may print; the answers keep the real standard output for themselves.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    _limit_resources()
    runtime, kernels = open_runtime(sys.argv[1]), Kernels(sys.argv[2])
    while header := sys.stdin.buffer.read(_LENGTH.size):
        model = sys.stdin.buffer.read(_LENGTH.unpack(header)[0])
        _answer(answers, _try(runtime, kernels, model))


def _try(runtime: Runtime, kernels: Kernels, model: bytes) -> str:
    try:
        runtime.load(model, kernels=kernels, name="the model").invoke()
    except InputError as error:
        return str(error).removeprefix("the model ")
    except (RuntimeError, ValueError, MemoryError) as error:
        return f"cannot be run: {first_line(error)}"
    return ""


def _answer(stream: BinaryIO, text: str) -> None:
    stream.write(msgspec.json.encode(text) + b"\n")


def _limit_resources() -> None:
    """No core dumps, and no more memory than half the machine's: a model may ask for any amount."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = max(memory // 2, _MIN_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    main()
