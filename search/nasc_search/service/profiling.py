"""The verb ``profile``: a plan to board and server, their profiles back, cost models fitted and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Profile
from nasc_search.calibrate.design import Coverage, profile_design
from nasc_search.calibrate.fit import fit
from nasc_search.calibrate.report import FitReport
from nasc_search.joint.catalogue import Catalogue
from nasc_search.joint.in_service import ServedLog
from nasc_search.service.measuring import Measuring, Progress
from nasc_search.service.plans import make_plans
from nasc_search.service.searching import COST_MODEL, SERVED, Options
from nasc_search.service.store import Store
from nasc_search.service.target import target_of
from nasc_search.service.workshop import Workshop

_HEADS: Final = 16


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """Document of the verb ``profile``."""

    profile: Profile
    edge_profile: Profile | None
    fit: dict[str, FitReport]
    text: str
    distinct_blocks: int
    """How many latency-distinct blocks the whole space holds."""


class Profiling:
    """Runs one profile at a time."""

    def __init__(self, measuring: Measuring, store: Store, workshop: Workshop, catalogue: Catalogue) -> None:
        self._measuring, self._store = measuring, store
        self._workshop, self._catalogue = workshop, catalogue

    def run(self, device: str, options: Options, progress: Progress) -> ProfileAnswer:
        """Profile board and server and fit both; UnreachableError when one is silent."""
        unknown = set(options) - {"rounds", "coverage", "seed", "edge"}
        if unknown:
            raise InputError(f"unknown options: {', '.join(sorted(unknown))}")
        try:
            coverage = Coverage(str(options.get("coverage", Coverage.EVERY.value)))
        except ValueError as error:
            raise InputError(f"{error}; known are: {', '.join(Coverage)}") from error
        rounds = int(options.get("rounds", 9))
        edge = str(options.get("edge", "edge"))
        _, capabilities = self._measuring.online(device)
        self._measuring.online(edge)
        target = target_of(capabilities.conditions)
        design = profile_design(self._catalogue, int(options.get("seed", 0)), coverage, heads=_HEADS)
        plans = make_plans(self._workshop, design, target.form, progress)
        board = self._measuring.measure(device, plans[0], rounds, progress)
        server = self._measuring.measure(edge, plans[1], rounds, progress)
        reports = {}
        for profile in (board, server):
            model, reports[profile.device] = fit(profile)
            self._store.put("profile", profile.device, profile)
            self._store.put(COST_MODEL, profile.device, model)
        # Observations were of the machine as it was: the new profile tells how it is.
        self._store.put(SERVED, device, ServedLog())
        text = "\n".join(str(report) for report in reports.values())
        return ProfileAnswer(board, server, reports, text, design.distinct)
