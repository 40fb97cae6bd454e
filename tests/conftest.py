"""In CI a skipped test fails the run, unless its reason is in skips-allowed.txt; and how tests are spread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.undisturbed import Worker, is_undisturbed, unit_of

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


def pytest_configure(config):
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker(config))


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: is_undisturbed(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return unit_of(nodeid)

    # As collected, where what is not to be disturbed is last.
    config.option.loadscopereorder = False
    return ByUnit(config, log)
