"""What happened against what was promised: pure, from the findings of a play to promises and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nasc_sdk.profiling.profile import Profile
from nasc_sdk.profiling.speed import SLOWED
from nasc_sdk.report.summary import Figure, LinkState, Mark, Origin, Part, Promise, Sample
from nasc_search.calibrate.report import FitReport
from nasc_search.demo.traffic import Failure

PREDICTION_BAND: Final = 0.10
SLOWED_BAND: Final = 0.25
"""Where others slowed a processor: how much of that a network feels is not known better."""
MAX_HEAD_ERROR: Final = 0.10
MAX_ACCURACY_LOSS: Final = 0.01
MAX_ADAPT_S: Final = 3.0
MAX_AGENT_MB: Final = 150.0
SAME_ACCURACY: Final = 0.005


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the link; moments of the diary, seconds."""

    name: str
    changed_s: float
    seen_s: float
    served_s: float


@dataclass(slots=True)
class Course:
    """Findings of a play, filled in act by act."""

    limit_ms: float = 0.0
    adapt_s: float = MAX_ADAPT_S
    """Most that may pass from a change that is seen to the new candidate's first answer."""
    profiles: tuple[Profile, ...] = ()
    fits: dict[str, FitReport] = field(default_factory=dict)
    distinct_blocks: int = 0
    states: list[LinkState] = field(default_factory=list)
    own_answers: dict[str, float] = field(default_factory=dict)
    """Share of answers under the deployed contract, by state."""
    learned_ms: dict[str, float] = field(default_factory=dict)
    """Median total as predicted with what the service had learned by then, by state."""
    measured_again: int = 0
    """How often the service chose another candidate while a state was measured."""
    measured_accuracy: dict[str, float] = field(default_factory=dict)
    float_accuracy: float = 0.0
    """Of the first choice's float network."""
    images: int = 0
    """Test images that every accuracy here is of."""
    changes: list[Change] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    marks: tuple[Mark, ...] = ()
    agent_mb: float = 0.0
    agent_has_torch: bool = True


def verdict(course: Course, dead: tuple[str, ...]) -> tuple[tuple[Promise, ...], tuple[Figure, ...]]:
    """Promises in the order of the loop, and every figure behind them."""
    promises = [
        *_processes(course, dead),
        *_calibration(course),
        _decision_is_real(course),
        *_predictions(course),
        _accuracy(course),
        *_adaptation(course),
    ]
    return tuple(promises), tuple(_figures(course))


def _processes(course: Course, dead: tuple[str, ...]) -> list[Promise]:
    return [
        Promise("every process ran to the end", not dead, f"ended early: {', '.join(dead) or 'none'}"),
        Promise(
            "the agent needs no torch and little memory",
            not course.agent_has_torch and 0 < course.agent_mb <= MAX_AGENT_MB,
            f"{course.agent_mb:.0f} MB resident of {MAX_AGENT_MB:.0f} MB, "
            f"torch {'loaded' if course.agent_has_torch else 'not loaded'}",
        ),
    ]


def _calibration(course: Course) -> list[Promise]:
    return [
        Promise(
            f"the cost model of the {device} predicts heads it was not fitted on",
            bool(report.heads > 0 and report.mean <= MAX_HEAD_ERROR),
            f"{report.heads} heads, each predicted from all else: mean error {report.mean:.1%}, "
            f"max {report.maximum:.1%}",
        )
        for device, report in course.fits.items()
    ]


def _decision_is_real(course: Course) -> Promise:
    """The first choice splits, and nothing that the board could do alone within the limit is as accurate."""
    first = course.states[0]
    local = [
        point.accuracy for point in first.front if point.kind == "all-local" and point.latency_ms <= course.limit_ms
    ]
    best = max(local, default=0.0)
    beyond = max((point.accuracy for point in first.front), default=0.0)
    return Promise(
        "the decision is real: the most accurate networks do not fit on the board alone",
        first.kind == "split" and best < first.accuracy,
        f"chosen {first.kind} {first.accuracy:.2%}; best all-local within {course.limit_ms:g} ms {best:.2%}; "
        f"best at any latency {beyond:.2%}",
    )


def _total(state: LinkState) -> Part:
    return next(part for part in state.parts if part.name == "total")


def _predictions(course: Course) -> list[Promise]:
    promises = []
    for state in course.states:
        total = _total(state)
        error = total.predicted_p50 / total.measured_p50 - 1
        band = PREDICTION_BAND if max(state.slowdown) < SLOWED else SLOWED_BAND
        promises.append(
            Promise(
                f"{state.name}: predicted total within {band:.0%} of measured (p50)",
                abs(error) <= band,
                f"{total.predicted_p50:.2f} ms predicted, {total.measured_p50:.2f} ms measured ({error:+.1%}), "
                f"{state.requests} requests, processors slowed {state.slowdown[0]:.2f} (board) and "
                f"{state.slowdown[1]:.2f} times (server)",
            )
        )
        promises.append(
            Promise(
                f"{state.name}: p95 under the limit",
                state.undisturbed_p95_ms <= course.limit_ms,
                f"{total.measured_p95:.2f} ms measured, {state.undisturbed_p95_ms:.2f} ms without what others slowed, "
                f"limit {course.limit_ms:g} ms",
            )
        )
    return promises


def _accuracy(course: Course) -> Promise:
    first = course.states[0]
    measured = course.measured_accuracy[first.name]
    return Promise(
        "int8 split pipeline within one point of the float network",
        bool(course.float_accuracy - measured <= MAX_ACCURACY_LOSS),
        f"{measured:.2%} against {course.float_accuracy:.2%} on {course.images} test images",
    )


def _adaptation(course: Course) -> list[Promise]:
    good, bad, again = course.states
    promises = [
        Promise(
            f"{change.name}: new candidate serves within {course.adapt_s:g} s of the change being seen",
            # Served before it was seen: nothing was switched, the old candidate went on.
            0 < change.served_s - change.seen_s <= course.adapt_s,
            f"seen {change.seen_s - change.changed_s:.2f} s after the change, "
            f"serving {change.served_s - change.seen_s:.2f} s after that",
        )
        for change in course.changes
    ]
    promises += [
        Promise(
            "requests were answered all the time",
            not course.failures and bool(course.samples),
            f"{len(course.samples)} answered, {len(course.failures)} failed during the changes",
        ),
        Promise(
            "the worse link led to another candidate",
            (bad.arch, bad.cut) != (good.arch, good.cut),
            f"{good.kind} at cut {good.cut} became {bad.kind} at cut {bad.cut}",
        ),
        Promise(
            "the recovered link led back",
            again.kind == good.kind and again.accuracy >= good.accuracy - SAME_ACCURACY,
            f"{again.kind} at cut {again.cut}, {again.accuracy:.2%}; "
            f"before {good.kind} at cut {good.cut}, {good.accuracy:.2%}",
        ),
        Promise(
            "answers came from the deployed candidate",
            min(course.own_answers.values()) >= 0.99,
            ", ".join(f"{name} {share:.1%}" for name, share in course.own_answers.items()),
        ),
    ]
    return promises


def _figures(course: Course) -> list[Figure]:
    figures = [
        Figure("agent resident memory", course.agent_mb, "MB", Origin.MEASURED),
        Figure("latency-distinct blocks of the space", float(course.distinct_blocks), "blocks", Origin.MEASURED),
        Figure("blocks timed on the board", float(len(course.profiles[0].blocks)), "blocks", Origin.MEASURED),
        Figure("time to profile the board", course.profiles[0].duration_s, "s", Origin.MEASURED),
        Figure("float accuracy of the first choice", 100 * course.float_accuracy, "%", Origin.MEASURED),
        Figure("states measured again after another choice", course.measured_again, "times", Origin.MEASURED),
    ]
    for device, report in course.fits.items():
        figures.append(Figure(f"{device}: mean error on held-out heads", 100 * report.mean, "%", Origin.MEASURED))
        figures.append(Figure(f"{device}: largest error on held-out heads", 100 * report.maximum, "%", Origin.MEASURED))
    for state in course.states:
        name = f"{state.name}: total p50 of all requests, predicted with what was learned in service"
        figures.append(Figure(name, course.learned_ms[state.name], "ms", Origin.PREDICTED))
        figures.append(Figure(name, _total(state).measured_p50, "ms", Origin.MEASURED))
        for device, slowdown in zip(("board", "server"), state.slowdown, strict=True):
            figures.append(Figure(f"{state.name}: {device} slowed by others", slowdown, "times", Origin.MEASURED))
        accuracy = course.measured_accuracy[state.name]
        figures.append(Figure(f"{state.name}: accuracy of the int8 pipeline", 100 * accuracy, "%", Origin.MEASURED))
        for part in state.parts:
            for quantile, predicted, measured in (
                ("p50", part.predicted_p50, part.measured_p50),
                ("p95", part.predicted_p95, part.measured_p95),
            ):
                figures.append(Figure(f"{state.name}: {part.name} {quantile}", predicted, "ms", Origin.PREDICTED))
                figures.append(Figure(f"{state.name}: {part.name} {quantile}", measured, "ms", Origin.MEASURED))
    for change in course.changes:
        seen_s, served_s = change.seen_s - change.changed_s, change.served_s - change.seen_s
        figures.append(Figure(f"{change.name}: change to report", seen_s, "s", Origin.MEASURED))
        figures.append(Figure(f"{change.name}: report to serving", served_s, "s", Origin.MEASURED))
    return figures
