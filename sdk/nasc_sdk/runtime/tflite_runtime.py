"""tflite-runtime: the old name, the only one on armv7l. Only this file imports it for inference."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from nasc_sdk.runtime.base import Kernels, Session
from nasc_sdk.runtime.interpreter import open_session

NAME: Final = "tflite-runtime"
# 2.14 is the last release on the index; a later one would be built against numpy 2.
_LAST_FOR_NUMPY_1: Final = (2, 14)


class TfliteRuntime:
    """Implements :class:`nasc_sdk.runtime.base.Runtime`; raises ImportError when it cannot work here."""

    name = NAME

    def __init__(self) -> None:
        import numpy as np

        self.version = version(NAME)
        complaint = numpy_complaint(self.version, np.__version__)
        if complaint:
            raise ImportError(complaint)
        from tflite_runtime import interpreter

        self._module = interpreter

    def load(self, model: bytes, *, kernels: Kernels, threads: int = 1, name: str = "model") -> Session:
        """See :meth:`nasc_sdk.runtime.base.Runtime.load`."""
        return open_session(self._module, model, kernels, threads, name)


def numpy_complaint(runtime_version: str, numpy_version: str) -> str:
    """Why this pair cannot work, or an empty string.

    With numpy 2 the import of tflite-runtime 2.14 succeeds and its first ``Interpreter()`` fails with
    ``_ARRAY_API not found``; the distribution's metadata does not say so.
    """
    old = _numbers(runtime_version)[:2] <= _LAST_FOR_NUMPY_1
    if old and _numbers(numpy_version)[0] >= 2:
        return (
            f"version {runtime_version} was built against numpy 1 and numpy {numpy_version} is installed "
            "(pip install 'numpy<2')"
        )
    return ""


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(int(part) for part in parts[:2] if part.isdigit())
