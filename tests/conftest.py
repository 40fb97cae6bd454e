"""In CI a skipped test fails the run, unless its reason is on the list in skips-allowed.txt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ALLOWED = Path(__file__).with_name("skips-allowed.txt")


def _allowed() -> list[str]:
    lines = _ALLOWED.read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and os.environ.get("CI") and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if not any(allowed in reason for allowed in _allowed()):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, and the reason is not in {_ALLOWED.name}: {reason}"
    return report
