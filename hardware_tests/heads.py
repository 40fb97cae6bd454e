"""Random heads of both search spaces, and what they must answer."""

from __future__ import annotations

from tests.export import test_fbnet_heads, test_integer_reference

from nasc_search.export import integer_reference
from nasc_search.export.forms import Form
from nasc_search.export.integer_reference import Kernels
from nasc_search.export.writer import write_int8

SPACES = {"nb201": test_integer_reference.random_head, "fbnet": test_fbnet_heads.random_head}


def random_head(space, seed):
    """(.tflite, one input, the output of TFLite's reference kernels); both forms in turns."""
    head, images = SPACES[space](seed)
    form = list(Form)[seed % 2]
    expected = integer_reference.run(head, images[:1], form, Kernels.REFERENCE)
    return write_int8(head, form), images[:1].tobytes(), expected.tobytes()
