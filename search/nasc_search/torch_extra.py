"""The one place that says what to install when torch is missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from nasc_sdk.errors import MissingExtraError


def require_torch() -> ModuleType:
    """The torch module; raises MissingExtraError when it is not installed."""
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("torch", "search") from error
