"""Picks the runtime: the best one that works, or an error that says what to install."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from nasc_sdk.errors import InputError, RuntimeUnavailableError
from nasc_sdk.runtime import litert, tflite_runtime
from nasc_sdk.runtime.base import Runtime

AUTO: Final = "auto"
# Best first. LiteRT is also imported first: the other order of the two in one process is not safe.
_RUNTIMES: Final[dict[str, Callable[[], Runtime]]] = {
    litert.NAME: litert.LiteRt,
    tflite_runtime.NAME: tflite_runtime.TfliteRuntime,
}
NAMES: Final = (AUTO, *_RUNTIMES)


def open_runtime(name: str = AUTO) -> Runtime:
    """The named runtime, or the best that works.

    Raises RuntimeUnavailableError saying why each one does not work and what to install, InputError on
    another name.
    """
    if name not in NAMES:
        raise InputError(f"no runtime is called {name!r}; choose one of {', '.join(NAMES)}")
    if name == tflite_runtime.NAME:
        with contextlib.suppress(ImportError):
            litert.LiteRt()
    reasons = []
    for candidate in _RUNTIMES if name == AUTO else (name,):
        try:
            return _RUNTIMES[candidate]()
        except ImportError as error:
            reasons.append(f"{candidate}: {_reason(error)}")
    raise RuntimeUnavailableError(
        "no TFLite runtime works here; run: pip install "
        f"{litert.NAME if name == AUTO else name}\n  " + "\n  ".join(reasons)
    )


def _reason(error: ImportError) -> str:
    missing = (litert.NAME, tflite_runtime.NAME, "ai_edge_litert", "tflite_runtime")
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in missing:
        return "not installed"
    return str(error)
