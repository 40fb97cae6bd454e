"""Operators of ai-edge-litert 2: its compiled-model C API with profiling switched on, called through ctypes.

Layouts follow litert/c/*.h of release 2. Events inside XNNPACK are included. The resolution is 1 us, so small
operators are coarse. The API has no reference kernels: ``kernel_mode`` 1 runs the builtin ones (measured).
"""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_int, c_int32, c_size_t, c_uint, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from nasc_sdk.profiling.operators import Event, UnavailableError, shapes_of_outputs
from nasc_sdk.runtime.base import Array, Kernels, TensorInfo
from nasc_sdk.runtime.interpreter import open_interpreter

_HARDWARE_CPU: Final = 1
_LOCK_WRITE: Final = 1
_MODE_BUILTIN: Final = 2
_OPERATOR_INVOKE: Final = 2
_DELEGATE_PROFILED: Final = 8
_ELEMENT_TYPES: Final = {"float32": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9}
_MAX_RANK: Final = 8
_Fields = list[tuple[Any, ...]]


class _Layout(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [
        ("rank", c_uint, 7),
        ("has_strides", c_uint, 1),
        ("dims", c_int32 * _MAX_RANK),
        ("strides", c_uint32 * _MAX_RANK),
    ]


class _TensorType(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [("element", c_int), ("layout", _Layout)]


class _Memory(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [("total", c_size_t), ("in_use", c_size_t), ("arena", c_size_t)]


class _Event(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [
        ("tag", c_char_p),
        ("kind", c_int),
        ("start_us", c_uint64),
        ("elapsed_us", c_uint64),
        ("before", _Memory),
        ("after", _Memory),
        ("node", c_uint64),
        ("graph", c_uint64),
        ("source", c_int),
    ]


_Deleter: Final = ctypes.CFUNCTYPE(None, c_void_p)


def open_profiler(
    model: bytes, array: Array, outputs: tuple[TensorInfo, ...], kernels: Kernels, threads: int
) -> _Profiler:
    """Compile the model with profiling on; raises UnavailableError when this release cannot."""
    import ai_edge_litert
    from ai_edge_litert import interpreter as module

    if kernels is Kernels.REFERENCE:
        raise UnavailableError("its profiler does not reach the reference kernels; tflite-runtime's does")
    if any(info.dtype not in _ELEMENT_TYPES for info in outputs):
        raise UnavailableError("an output is of a type that its profiler does not take")
    nodes = shapes_of_outputs(open_interpreter(module, model, Kernels.BUILTIN, 1, "model"))
    library = ctypes.CDLL(str(Path(str(ai_edge_litert.__file__)).with_name("libLiteRt.so")))
    return _Profiler(_Library(library), model, array, outputs, kernels, threads, nodes)


class _Library:
    """Calls that raise when their status is not zero."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def __call__(self, name: str, *arguments: object) -> None:
        try:
            function = getattr(self._library, name)
        except AttributeError as error:
            raise UnavailableError(f"this release has no {name}") from error
        function.restype = c_int
        status = function(*arguments)
        if status:
            raise UnavailableError(f"{name} failed with status {status}")


class _Profiler:
    """A compiled model; what native code points at is kept. The process ends soon: nothing is freed."""

    def __init__(
        self,
        call: _Library,
        model: bytes,
        array: Array,
        outputs: tuple[TensorInfo, ...],
        kernels: Kernels,
        threads: int,
        nodes: list[tuple[str, str]],
    ) -> None:
        self._call, self._nodes = call, nodes
        self._bytes = ctypes.create_string_buffer(model, len(model))
        self._kept: list[object] = []
        self._environment, self._model, self._compiled, self._profiler = (c_void_p() for _ in range(4))
        call("LiteRtCreateEnvironment", 0, None, byref(self._environment))
        call(
            "LiteRtCreateModelFromBuffer",
            self._environment,
            self._bytes,
            c_size_t(len(model)),
            byref(self._model),
        )
        call(
            "LiteRtCreateCompiledModel",
            self._environment,
            self._model,
            self._options(kernels, threads),
            byref(self._compiled),
        )
        self._inputs = (c_void_p * 1)(self._buffer("Input", 0, array.shape, array.dtype.name))
        self._outputs = (c_void_p * len(outputs))(
            *(self._buffer("Output", index, info.shape, info.dtype) for index, info in enumerate(outputs))
        )
        self._fill(array)
        call("LiteRtCompiledModelGetProfiler", self._compiled, byref(self._profiler))

    def invoke(self) -> list[Event]:
        """See :class:`nasc_sdk.profiling.operators.OperatorProfiler`."""
        self._call("LiteRtResetProfiler", self._profiler)
        self._call("LiteRtStartProfiler", self._profiler)
        self._call(
            "LiteRtRunCompiledModel",
            self._compiled,
            c_size_t(0),
            c_size_t(len(self._inputs)),
            self._inputs,
            c_size_t(len(self._outputs)),
            self._outputs,
        )
        self._call("LiteRtStopProfiler", self._profiler)
        count = c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, byref(count))
        events = (_Event * max(count.value, 1))()
        self._call("LiteRtGetProfilerEvents", self._profiler, count, events)
        return self._operators(events[: count.value])

    def _operators(self, events: list[_Event]) -> list[Event]:
        inside = [event for event in events if event.kind == _DELEGATE_PROFILED]
        same = len(inside) == len(self._nodes) and all(
            _alike(event.tag, name) for event, (name, _) in zip(inside, self._nodes, strict=True)
        )
        result: list[Event] = []
        for event in events:
            tag = event.tag.decode(errors="replace")
            if event.kind == _DELEGATE_PROFILED:
                shape = self._nodes[len(result)][1] if same else ""
            elif event.kind == _OPERATOR_INVOKE and not (inside and "delegate" in tag.lower()):
                name, shape = self._nodes[event.node] if event.node < len(self._nodes) else ("", "")
                shape = shape if name == tag else ""
            else:
                continue
            result.append(Event(tag, shape, event.elapsed_us * 1000.0))
        return result

    def _options(self, kernels: Kernels, threads: int) -> c_void_p:
        options = c_void_p()
        self._call("LiteRtCreateOptions", byref(options))
        self._call("LiteRtSetOptionsHardwareAccelerators", options, _HARDWARE_CPU)
        mode = f"kernel_mode = {_MODE_BUILTIN}\n" if kernels is Kernels.BUILTIN else ""
        self._add_options(options, "runtime_options_string", "enable_profiling = true\n")
        self._add_options(options, "xnnpack", f"num_threads = {threads}\n{mode}")
        return options

    def _add_options(self, options: c_void_p, name: str, text: str) -> None:
        buffer, deleter, opaque = ctypes.create_string_buffer(text.encode()), _Deleter(_keep), c_void_p()
        self._kept += [buffer, deleter]
        self._call(
            "LiteRtCreateOpaqueOptions",
            c_char_p(name.encode()),
            ctypes.cast(buffer, c_void_p),
            deleter,
            byref(opaque),
        )
        self._call("LiteRtAddOpaqueOptions", options, opaque)

    def _buffer(self, side: str, index: int, shape: tuple[int, ...], dtype: str) -> c_void_p:
        kind, needs, buffer = _TensorType(), c_void_p(), c_void_p()
        kind.element, kind.layout.rank = _ELEMENT_TYPES[dtype], len(shape)
        kind.layout.dims = (c_int32 * _MAX_RANK)(*shape)
        get = f"LiteRtGetCompiledModel{side}BufferRequirements"
        self._call(get, self._compiled, c_size_t(0), c_size_t(index), byref(needs))
        create = "LiteRtCreateManagedTensorBufferFromRequirements"
        self._call(create, self._environment, byref(kind), needs, byref(buffer))
        return buffer

    def _fill(self, array: Array) -> None:
        address, buffer = c_void_p(), c_void_p(self._inputs[0])
        data = np.ascontiguousarray(array)
        self._call("LiteRtLockTensorBuffer", buffer, byref(address), _LOCK_WRITE)
        assert address.value is not None
        ctypes.memmove(address.value, data.ctypes.data, data.nbytes)
        self._call("LiteRtUnlockTensorBuffer", buffer)


def _alike(tag: bytes, operator: str) -> bool:
    """Whether XNNPACK's tag may be the operator's: ``Convolution (NHWC, QC8) IGEMM`` is a CONV_2D."""
    said = tag.decode(errors="replace").lower()
    return operator[:3].lower() in said or ("CONV" in operator and "conv" in said)


def _keep(pointer: int | None) -> None:
    """The option's text is ours and outlives the call."""
