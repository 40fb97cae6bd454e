"""The Interpreter class that both distributions share: sessions over it, and errors that name the file."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Any, Final, Protocol

import numpy as np

from nasc_sdk.errors import InputError
from nasc_sdk.runtime.base import Array, Kernels, TensorInfo, check_header

# Names of the members of the runtime's OpResolverType.
_RESOLVERS: Final[dict[Kernels, str]] = {
    Kernels.XNNPACK: "AUTO",
    Kernels.BUILTIN: "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    Kernels.REFERENCE: "BUILTIN_REF",
}


class NativeInterpreter(Protocol):
    """What is used of ``Interpreter``, the same class in both distributions."""

    def allocate_tensors(self) -> None:
        """Plan and reserve the arena."""

    def invoke(self) -> None:
        """Run once."""

    def set_tensor(self, index: int, array: Array) -> None:
        """Copy in."""

    def get_tensor(self, index: int) -> Array:
        """Copy out."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """One dict an input."""

    def get_output_details(self) -> list[dict[str, Any]]:
        """One dict an output."""

    def get_tensor_details(self) -> list[dict[str, Any]]:
        """One dict a tensor."""

    def _get_ops_details(self) -> list[dict[str, Any]]: ...

    def _native_handle(self) -> int: ...


class InterpreterModule(Protocol):
    """The module ``interpreter`` of either distribution."""

    Interpreter: Callable[..., NativeInterpreter]
    OpResolverType: type[IntEnum | Enum]


class InterpreterSession:
    """Implements :class:`nasc_sdk.runtime.base.Session`."""

    def __init__(self, interpreter: NativeInterpreter) -> None:
        self._interpreter = interpreter
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self._in = tuple(int(detail["index"]) for detail in inputs)
        self._out = tuple(int(detail["index"]) for detail in outputs)
        self.inputs = tuple(map(_info, inputs))
        self.outputs = tuple(map(_info, outputs))
        self.invoke: Callable[[], None] = interpreter.invoke

    def feed(self, array: Array, index: int = 0) -> None:
        """See :meth:`nasc_sdk.runtime.base.Session.feed`."""
        info = self.inputs[index]
        if array.shape != info.shape or array.dtype != info.dtype:
            shape = "x".join(map(str, array.shape)) or "scalar"
            raise InputError(f"the model takes {info}, not {shape} {array.dtype}")
        self._interpreter.set_tensor(self._in[index], array)

    def fetch(self, index: int = 0) -> Array:
        """See :meth:`nasc_sdk.runtime.base.Session.fetch`."""
        return self._interpreter.get_tensor(self._out[index])

    def run(self, array: Array) -> Array:
        """See :meth:`nasc_sdk.runtime.base.Session.run`."""
        self.feed(array)
        self.invoke()
        return self.fetch()


def open_session(
    module: InterpreterModule, model: bytes, kernels: Kernels, threads: int, name: str
) -> InterpreterSession:
    """Load with the ``interpreter`` module of either distribution; raises InputError naming the model."""
    session = InterpreterSession(open_interpreter(module, model, kernels, threads, name))
    if not session.inputs or not session.outputs:
        raise InputError(f"{name} has no input or no output")
    return session


def open_interpreter(
    module: InterpreterModule, model: bytes, kernels: Kernels, threads: int, name: str
) -> NativeInterpreter:
    """The distribution's own Interpreter, tensors allocated; raises InputError naming the model."""
    check_header(model, name)
    try:
        interpreter = module.Interpreter(
            model_content=model,
            num_threads=threads,
            experimental_op_resolver_type=getattr(module.OpResolverType, _RESOLVERS[kernels]),
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{name} cannot be loaded: {first_line(error)}") from error
    return interpreter


def _info(detail: dict[str, Any]) -> TensorInfo:
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    return TensorInfo(shape, np.dtype(detail["dtype"]).name, float(scale), int(zero_point))


def first_line(error: Exception) -> str:
    """What a runtime says first; the rest are links and native stack traces."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
