"""Under ``pytest -n``: files are spread over the workers, and what a neighbour could disturb comes last, without one.

These tests measure latencies, or wait for real processes for a limited time, and a neighbour would take their core.
All of them are one unit of work, so that one worker runs them; it begins when every other worker has ended.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

UNDISTURBED = tuple(f"tests/{place}" for place in (
    "cli/test_profile", "cli/test_status", "edge/", "link/", "mcu/test_bridge", "mcu/test_serial", "mqtt/",
    "profiling/", "regime/test_follow", "service/test_adapting", "service/test_calibrating", "service/test_cancelling",
    "service/test_encoded", "service/test_energy", "service/test_entropy", "service/test_faults",
    "service/test_latency", "service/test_layered_adapting", "service/test_layered_space", "service/test_mapping",
    "service/test_rollout", "service/test_told", "test_processes",
))  # fmt: skip


def is_undisturbed(nodeid):
    return nodeid.startswith(UNDISTURBED)


def unit_of(nodeid):
    """What one worker runs as a whole: a file with its fixtures, or all that is not to be disturbed."""
    return "undisturbed" if is_undisturbed(nodeid) else nodeid.split("::")[0]


class Worker:
    """Holds the session's directory locked with the other workers; whoever locks it for itself has no neighbour."""

    def __init__(self, config):
        # A worker's directory is inside that of the session.
        self._directory = os.open(Path(config.option.basetemp).parent, os.O_RDONLY)
        self._has_no_neighbour = False
        fcntl.flock(self._directory, fcntl.LOCK_SH)

    # Tried first: waiting is no part of the test's time. It ends as the tests of the others have time-outs.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        if is_undisturbed(item.nodeid) and not self._has_no_neighbour:
            fcntl.flock(self._directory, fcntl.LOCK_EX)
            self._has_no_neighbour = True
        return (yield)

    def pytest_sessionfinish(self):
        fcntl.flock(self._directory, fcntl.LOCK_UN)
        os.close(self._directory)
