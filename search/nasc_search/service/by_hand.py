"""A candidate that somebody names instead of searching for one: read from a request's options, and described."""

from __future__ import annotations

from nasc_sdk.candidate import INT8, Candidate, CutEncoding, Entropy
from nasc_sdk.errors import InputError
from nasc_sdk.link.link import Link
from nasc_sdk.profiling.profile import Power
from nasc_search.joint.outside import accuracy_text
from nasc_search.joint.scored import Scored, broken_rule, shortcoming
from nasc_search.service.records import Goal
from nasc_search.service.searching import Options, number


def named_candidate(options: Options) -> Candidate:
    """``arch``, ``cut`` and the encoding; InputError for what is none."""
    if "cut" not in options:
        raise InputError("--arch needs --cut as well")
    encoding = CutEncoding(
        int(number(options, "bits", INT8.bits)), int(number(options, "bottleneck", 0)),
        parse_entropy(str(options.get("entropy", INT8.entropy.value))),
    )  # fmt: skip
    return Candidate(str(options["arch"]), int(number(options, "cut", 0)), encoding)


def describe(chosen: Scored, goal: Goal, link: Link, power: Power) -> str:
    """What is predicted of it. It may miss the limit; InputError where it breaks a rule of the board."""
    constraints = goal.constraints
    if broken := broken_rule(chosen, constraints):
        raise InputError(f"{chosen.candidate} {broken}")
    text = (
        f"asked for by hand: {chosen.candidate}, {accuracy_text(chosen)}\n"
        f"predicted over {link}: p50 {chosen.total_ms[0]:.2f} ms, p95 {chosen.total_ms[1]:.2f} ms"
    )
    if chosen.line_ms is not None:
        text += f", of it on the board's serial line p50 {chosen.line_ms[0]:.2f} ms, p95 {chosen.line_ms[1]:.2f} ms"
    if constraints.aim.saves_energy:
        text += f"; {chosen.energy_mj:.4g} mJ at watts {power}"
    if not chosen.feasible:
        missed = "over the limit" if chosen.limited_ms > constraints.bound_ms else "outside the goal"
        text += f"\n{missed}: it {shortcoming(chosen, constraints)}"
    if goal.automatic:
        text += "\nthe service replaces it when it finds better; --once keeps it"
    return text


def parse_entropy(text: str) -> Entropy:
    """InputError names what is known."""
    try:
        return Entropy(text)
    except ValueError:
        raise InputError(f"unknown entropy coding {text!r}; known are: {', '.join(Entropy)}") from None
