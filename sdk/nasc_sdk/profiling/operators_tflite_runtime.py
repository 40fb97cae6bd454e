"""Operators of tflite-runtime: a ``tflite::Profiler`` built by hand, attached through an exported C++ symbol.

The wheels of 2.14 for x86_64, aarch64 and armv7l export
``tflite::impl::Interpreter::SetProfiler(tflite::Profiler*)``. A Profiler is an object whose first word points
at its virtual functions (Itanium C++ ABI), in the order of tensorflow/lite/core/api/profiler.h: two
destructors, BeginEvent, EndEvent with metadata, EndEvent, AddEvent, AddEventWithData. ``SetProfiler(NULL)``
makes the next invoke crash, so the interpreter is thrown away instead.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Final

from nasc_sdk.profiling.operators import Event, UnavailableError, shapes_of_outputs
from nasc_sdk.runtime.base import Array, Kernels, TensorInfo
from nasc_sdk.runtime.interpreter import NativeInterpreter, open_interpreter

_SYMBOL: Final = "_ZN6tflite4impl11Interpreter11SetProfilerEPNS_8ProfilerE"
_OPERATOR_INVOKE: Final = 2
_DELEGATE_PROFILED: Final = 8

_Pointer: Final = ctypes.c_void_p
_Destroy: Final = ctypes.CFUNCTYPE(None, _Pointer)
_Begin: Final = ctypes.CFUNCTYPE(
    ctypes.c_uint32, _Pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int64
)
_EndWithMetadata: Final = ctypes.CFUNCTYPE(None, _Pointer, ctypes.c_uint32, ctypes.c_int64, ctypes.c_int64)
_End: Final = ctypes.CFUNCTYPE(None, _Pointer, ctypes.c_uint32)
_Add: Final = ctypes.CFUNCTYPE(
    None, _Pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_int64, ctypes.c_int64
)
_AddWithData: Final = ctypes.CFUNCTYPE(None, _Pointer, ctypes.c_char_p, ctypes.c_int, _Pointer)


def open_profiler(
    model: bytes, array: Array, outputs: tuple[TensorInfo, ...], kernels: Kernels, threads: int
) -> _Profiler:
    """Load the model with a profiler; raises UnavailableError when this wheel has no such symbol."""
    from tflite_runtime import _pywrap_tensorflow_interpreter_wrapper as wrapper
    from tflite_runtime import interpreter as module

    try:
        attach = getattr(ctypes.CDLL(wrapper.__file__), _SYMBOL)
    except AttributeError as error:
        raise UnavailableError("this build does not export SetProfiler") from error
    attach.argtypes, attach.restype = (_Pointer, _Pointer), None
    interpreter = open_interpreter(module, model, kernels, threads, "model")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], array)
    return _Profiler(interpreter, attach)


class _Profiler:
    """Keeps every callback alive as long as the interpreter: native code holds their addresses."""

    def __init__(self, interpreter: NativeInterpreter, attach: Callable[[int, int], None]) -> None:
        self._interpreter = interpreter
        self._nodes = shapes_of_outputs(interpreter)
        self._open: dict[int, tuple[str, int, int, int]] = {}
        self._events: list[Event] = []
        self._handle = 0
        self._callbacks = (
            _Destroy(_ignore),
            _Destroy(_ignore),
            _Begin(self._begin),
            _EndWithMetadata(self._end),
            _End(self._end),
            _Add(self._add),
            _AddWithData(_ignore),
        )
        # Offset to top and type information come before the functions; the object points behind them.
        self._table = (_Pointer * (2 + len(self._callbacks)))(
            0, 0, *(ctypes.cast(callback, _Pointer) for callback in self._callbacks)
        )
        self._object = (_Pointer * 1)(ctypes.addressof(self._table) + 2 * ctypes.sizeof(_Pointer))
        attach(interpreter._native_handle(), ctypes.addressof(self._object))

    def invoke(self) -> list[Event]:
        """See :class:`nasc_sdk.profiling.operators.OperatorProfiler`."""
        self._events.clear()
        self._interpreter.invoke()
        return list(self._events)

    def _begin(self, this: int, tag: bytes, kind: int, node: int, graph: int) -> int:
        self._handle = (self._handle + 1) & 0xFFFFFFFF
        self._open[self._handle] = (tag.decode(errors="replace"), kind, node, time.perf_counter_ns())
        return self._handle

    def _end(self, this: int, handle: int, *metadata: int) -> None:
        ended = time.perf_counter_ns()
        tag, kind, node, started = self._open.pop(handle, ("", 0, 0, 0))
        if kind == _OPERATOR_INVOKE:
            self._append(tag, node, ended - started)

    def _add(self, this: int, tag: bytes, kind: int, microseconds: int, node: int, graph: int) -> None:
        if kind == _DELEGATE_PROFILED:
            self._events.append(Event(tag.decode(errors="replace"), "", microseconds * 1000))

    def _append(self, tag: str, node: int, nanoseconds: int) -> None:
        if "delegate" in tag.lower() and any(not event.shape for event in self._events):
            return
        name, shape = self._nodes[node] if 0 <= node < len(self._nodes) else ("", "")
        self._events.append(Event(tag, shape if name == tag else "", nanoseconds))


def _ignore(*arguments: object) -> None:
    """Virtual functions that have nothing to do."""
