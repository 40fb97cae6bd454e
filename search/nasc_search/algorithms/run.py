"""The bounded loop around an algorithm: budget, known outcomes, checkpoint, progress.

What counts is a distinct point evaluated. A point that was evaluated before is told again from memory, and one whose
violation is known in advance is told that alone: neither costs anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_search.algorithms.algorithm import pack_told, unpack_told
from nasc_search.algorithms.problem import Outcome, Point

if TYPE_CHECKING:
    from nasc_search.algorithms.algorithm import Algorithm, State

_VERSION: Final = 1
_IDLE: Final = 20_000
"""Points in a row that cost nothing, before a search that repeats itself is ended."""

Evaluate = Callable[[Point], Outcome]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands."""

    evaluations: int
    """Distinct points evaluated."""
    asked: int
    """Points asked, those that cost nothing included."""
    best: tuple[Point, Outcome] | None
    """The best feasible point, by its first objective."""
    gap: float | None
    """What the best is below the optimum, relative to it; None where the optimum is not known."""

    def __str__(self) -> str:
        best = "nothing feasible yet" if self.best is None else f"best {self.best[1].objectives[0]:.4f}"
        gap = "" if self.gap is None else f", gap {100 * self.gap:.2f} %"
        return f"{self.evaluations} evaluations, {best}{gap}"


class Search:
    """An algorithm and the outcomes known so far; ``about`` names what is evaluated, and binds a saved search to it."""

    def __init__(self, algorithm: Algorithm, optimum: float | None = None, about: str = "") -> None:
        self.algorithm, self.about = algorithm, about
        self._optimum = optimum
        self._known: dict[Point, Outcome] = {}
        self._asked = 0
        self._best: tuple[Point, Outcome] | None = None

    @property
    def progress(self) -> Progress:
        """Where the search stands."""
        return Progress(len(self._known), self._asked, self._best, self._gap())

    @property
    def told(self) -> list[tuple[Point, Outcome]]:
        """Distinct points evaluated, in order."""
        return list(self._known.items())

    def step(self, evaluate: Evaluate) -> bool:
        """Ask for one point and tell it; whether it was evaluated."""
        point = self.algorithm.ask()
        outcome = self._known.get(point) or self._refused(point)
        fresh = outcome is None
        if outcome is None:
            outcome = self._known[point] = evaluate(point)
            if outcome.feasible and (self._best is None or outcome.rank > self._best[1].rank):
                self._best = (point, outcome)
        self._asked += 1
        self.algorithm.tell(point, outcome)
        return fresh

    def state(self) -> State:
        """All of it as plain JSON."""
        return {
            "version": _VERSION,
            "about": self.about,
            "asked": self._asked,
            "known": pack_told(self.told),
            "algorithm": self.algorithm.state(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; InputError when it belongs to something else or is not whole."""
        try:
            if state["version"] != _VERSION:
                raise InputError(f"the saved search has version {state['version']}, not {_VERSION}; start anew")
            if state["about"] != self.about:
                raise InputError(f"the saved search is of {state['about']!r}, not of {self.about!r}; start anew")
            known = dict(unpack_told(self.algorithm.problem, state["known"]))
            self.algorithm.restore(state["algorithm"])
            self._asked = int(state["asked"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the saved search is not whole: {error!r}; start anew") from error
        self._known = known
        feasible = [told for told in known.items() if told[1].feasible]
        self._best = max(feasible, key=lambda told: told[1].rank, default=None)

    def _refused(self, point: Point) -> Outcome | None:
        violation = self.algorithm.problem.violation_of(point)
        return Outcome((), violation) if violation > 0 else None

    def _gap(self) -> float | None:
        if self._best is None:
            return None
        if self.algorithm.finished and self._optimum is None:
            return 0.0
        if self._optimum is None:
            return None
        return (self._optimum - self._best[1].objectives[0]) / abs(self._optimum) if self._optimum else None


def run(
    search: Search,
    evaluate: Evaluate,
    budget: int,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    enough: Callable[[Progress], bool] = lambda _: False,
) -> Progress:
    """Evaluate until ``budget`` distinct points are known, all were asked, or ``enough``.

    The checkpoint is written after every evaluation: whatever interrupts, no evaluation is lost. Raises
    InfeasibleError when the search ends without a feasible point, InputError for a budget below one.
    """
    if budget < 1:
        raise InputError(f"a budget of {budget} evaluations searches nothing")
    idle = 0
    while search.progress.evaluations < budget and not search.algorithm.finished:
        fresh = search.step(evaluate)
        idle = 0 if fresh else idle + 1
        if fresh:
            _save(search, checkpoint)
            on_progress(search.progress)
            if enough(search.progress):
                break
        elif idle >= _IDLE and not _enumerates(search):
            break
    _save(search, checkpoint)
    if search.progress.best is None:
        asked = search.progress.asked
        raise InfeasibleError(f"none of {asked} points asked is feasible; loosen the limit", _nearest(search))
    return search.progress


def load_checkpoint(path: Path) -> State:
    """What :func:`run` wrote; InputError when it is no JSON document."""
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no saved search: {error}; name another file, or start anew without it") from error
    if not isinstance(document, dict):
        raise InputError(f"{path} is no saved search; name another file, or start anew without it")
    return document


def _save(search: Search, path: Path | None) -> None:
    if path is not None:
        write_durably(path, json.dumps(search.state()).encode())


def _enumerates(search: Search) -> bool:
    from nasc_search.algorithms.exhaustive import Exhaustive

    return isinstance(search.algorithm, Exhaustive)


def _nearest(search: Search) -> tuple[str, ...]:
    violations = [outcome.violation for _, outcome in search.told]
    least = min(violations, default=math.inf)
    return (f"the closest of those evaluated misses it by {least:.1%}",) if math.isfinite(least) else ()
