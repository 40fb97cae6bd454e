"""ai-edge-litert: the TFLite runtime under its present name. Only this file imports it for inference."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from nasc_sdk.runtime.base import Kernels, Session
from nasc_sdk.runtime.interpreter import open_session

NAME: Final = "ai-edge-litert"


class LiteRt:
    """Implements :class:`nasc_sdk.runtime.base.Runtime`; raises ImportError when it cannot work here."""

    name = NAME

    def __init__(self) -> None:
        from ai_edge_litert import interpreter

        self._module = interpreter
        self.version = version(NAME)

    def load(self, model: bytes, *, kernels: Kernels, threads: int = 1, name: str = "model") -> Session:
        """See :meth:`nasc_sdk.runtime.base.Runtime.load`."""
        return open_session(self._module, model, kernels, threads, name)
