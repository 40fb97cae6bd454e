"""The runtimes that tests are run on; tflite-runtime has wheels up to Python 3.11 only."""

from __future__ import annotations

import sys

import pytest

from nasc_sdk.runtime.select import NAMES

LITERT, TFLITE = NAMES[1:]
needs_tflite_runtime = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="tflite-runtime has no wheel for this Python"
)
TFLITE_PARAM = pytest.param(TFLITE, marks=needs_tflite_runtime)
RUNTIMES = (LITERT, TFLITE_PARAM)
