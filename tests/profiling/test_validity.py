from dataclasses import replace
from pathlib import Path

import pytest

from nasc_sdk.profiling.profile import Conditions, TimeUnit, Validity
from nasc_sdk.profiling.throttling import Flag
from nasc_sdk.profiling.validity import Code, advice, meaning, read_code, same_conditions, verdict

DOCUMENT = Path(__file__).parents[2] / "docs/validity.md"


@pytest.mark.parametrize("code", Code)
def test_every_code_says_what_it_means_and_what_to_do(code):
    assert verdict(code) in (Validity.DEGRADED, Validity.INVALID)
    assert not meaning(code).endswith(".")
    assert advice(code).endswith(".")
    assert read_code(code.value) is code


@pytest.mark.parametrize("code", Code)
def test_every_code_is_in_the_document(code):
    codes = DOCUMENT.read_text().partition("\n## ")[0]
    (line,) = [line for line in codes.splitlines() if line.startswith(f"| `{code.value}` |")]
    assert f"| {verdict(code).value} |" in line
    assert advice(code) in line


def test_codes_of_other_versions_are_none():
    assert read_code("moonlight") is None
    assert read_code("") is None


CONDITIONS = Conditions("litert 2", "xnnpack", 1, "a board", "a processor", governor="performance")
OTHER = {
    "runtime": "tflite 2",
    "kernels": "builtin",
    "threads": 2,
    "machine": "b",
    "processor": "b",
    "governor": "powersave",
    "label": "b",
    "unit": TimeUnit.TICKS,
}


def test_conditions_that_differ_are_named():
    assert same_conditions(CONDITIONS, CONDITIONS) == ()
    assert same_conditions(CONDITIONS, replace(CONDITIONS, **OTHER)) == tuple(OTHER)
    for name, value in OTHER.items():
        assert same_conditions(CONDITIONS, replace(CONDITIONS, **{name: value})) == (name,)
    state = replace(CONDITIONS, load_average=2.0, temperature_c=70.0, frequency_mhz=600.0, throttling=("cooling",))
    assert same_conditions(CONDITIONS, state) == ()


def test_every_throttling_word_is_in_the_document():
    document = DOCUMENT.read_text()
    assert all(f"| `{flag.value}` |" in document for flag in Flag)
