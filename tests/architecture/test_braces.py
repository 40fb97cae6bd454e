"""C has one style of braces: a function's on a line of its own, all others at the end of what they belong to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("firmware_profiles", "tests/firmware")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.[ch]"))]
CONTROL = re.compile(r"^\s+(}\s*else\b|if|for|while|switch|do)\b")


def faults(text):
    """Lines that open a block the other way."""
    for number, line in enumerate(text.splitlines(), 1):
        ends_a_head = line.endswith(") {") and not CONTROL.match(line) and not _continues_control(text, number)
        if ends_a_head or re.fullmatch(r"\s+{", line):
            yield number


def _continues_control(text, number):
    """Whether the lines before, back to one that is indented less or begins a statement, are a condition."""
    lines = text.splitlines()
    for line in reversed(lines[: number - 1]):
        if line.endswith((";", "{", "}")) or not line.strip():
            return False
        if CONTROL.match(line):
            return True
    return False


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("int f(void)\n{\n    if (a) {\n    } else if (b &&\n               c) {\n    }\n}\n", []),
        ("int f(void) {\n}\n", [1]),
        ("int f(int one,\n      int other) {\n}\n", [2]),
        ("int f(void)\n{\n    if (a)\n    {\n    }\n}\n", [4]),
    ],
)
def test_the_other_style_is_found(text, found):
    assert list(faults(text)) == found


def test_sources_have_one_style_of_braces():
    assert len(SOURCES) > 50
    assert [f"{path}:{number}" for path in SOURCES for number in faults(path.read_text())] == []
