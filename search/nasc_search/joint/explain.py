"""A Decision in words and tables; every time in milliseconds, predicted; energy in millijoules, of the board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nasc_sdk.candidate import Candidate
from nasc_sdk.cli.output import format_table
from nasc_sdk.link.link import rounded
from nasc_sdk.profiling.profile import UNKNOWN_BOARD
from nasc_search.joint.aim import FLOOR_BELOW, Objective
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.enumerated import Shortlist
from nasc_search.joint.exact import Decision, Saving
from nasc_search.joint.flips import Factor, Flip
from nasc_search.joint.outside import accuracy_text, origin
from nasc_search.joint.scored import Quantiles, Scored, amount, shortcoming
from nasc_search.joint.table import Kind

_OBJECTIVE: Final = {
    Objective.ACCURACY: "most accurate",
    Objective.ENERGY: "least energy of the board",
    Objective.LATENCY: "least latency",
}
_LESS: Final = {
    Objective.ACCURACY: "is more accurate",
    Objective.ENERGY: "takes less energy",
    Objective.LATENCY: "is faster",
}


def explain(decision: Decision) -> str:
    """The whole text: chosen, parts, why it won, runners-up, what would flip it."""
    constraints, chosen = decision.constraints, decision.chosen
    sections = [
        f"link {decision.link}; {asked(constraints)}; "
        f"{decision.feasible} of {decision.candidates} candidates are feasible",
        f"chosen: {_name(chosen)}\n        {chosen.candidate.arch}\n        {accuracy_text(chosen)}",
        _parts(chosen),
        *([f"energy of the board for one request: {energy(decision)}"] if _shows_energy(decision) else []),
        "why it won\n" + "\n".join(f"- {reason}" for reason in reasons(decision)),
        "beside it (medians in ms)\n" + _compare(decision),
        "what would flip it\n" + "\n".join(f"- {text}" for text in flips(decision)),
    ]
    if decision.shortlist is not None:
        sections.append(enumerated(decision.shortlist, decision.chosen.candidate))
    if decision.extrapolated:
        sections.append(
            f"{len(decision.extrapolated)} operators were never measured; times are scaled from others:\n"
            + "\n".join(f"- {key}" for key in decision.extrapolated)
        )
    if decision.coding_assumed:
        sections.append(
            f"times of packing and entropy coding are assumed for {' and '.join(decision.coding_assumed)}, as on an "
            "x86-64 machine; nasc-sdk calibrate measures them"
        )
    return "\n\n".join(sections)


def enumerated(shortlist: Shortlist, chosen: Candidate) -> str:
    """How much of a space too large to list was looked at, and what sums over layers say of the choice."""
    lines = (
        f"{shortlist.networks:.2g} architectures were searched exactly by sums over their layers; nothing within the "
        f"limits has more than {shortlist.most:.2%} by these" + (f" ({shortlist.best})" if shortlist.best else ""),
        f"{shortlist.here} near the best of this link, {shortlist.elsewhere} of others, and {shortlist.beside} that "
        "differ in one layer from those best in full were ranked anew, with all that was evaluated",
        f"the chosen one has {shortlist.sums.accuracy(chosen):.2%} by sums, {100 * shortlist.gap(chosen):.2f} points "
        "less than the most",
    )
    return "how it was found\n" + "\n".join(f"- {line}" for line in lines)


def _more_accurate(decision: Decision) -> str:
    count = decision.more_accurate
    return "1 architecture is more accurate" if count == 1 else f"{count} architectures are more accurate"


def asked(constraints: Constraints) -> str:
    """What was asked for in a few words; the board's memory is not in them."""
    aim = constraints.aim
    limit = f"limit {constraints}" if constraints.limit_ms is not None else f"no limit, p{constraints.percentile:g}"
    parts = [_OBJECTIVE[aim.objective], limit]
    if aim.min_accuracy:
        parts.append(f"accuracy {aim.min_accuracy:.2%} or more")
    elif aim.saves:
        parts.append(f"accuracy within {100 * FLOOR_BELOW:g} point of the best")
    parts += [f"{aim.max_energy_mj:g} mJ or less"] if aim.max_energy_mj else []
    parts += [f"{constraints.max_server_ms:g} ms of the server or less"] if constraints.max_server_ms else []
    return ", ".join(parts)


def energy(decision: Decision) -> str:
    """Of the chosen candidate, with what it was reckoned from."""
    return f"{decision.chosen.energy_mj:.4g} mJ, from predicted times and watts: {decision.power}"


def reasons(decision: Decision) -> tuple[str, ...]:
    """Why nothing else was chosen, one sentence each."""
    chosen, constraints = decision.chosen, decision.constraints
    first = f"no feasible candidate {_LESS[constraints.aim.objective]}"
    if decision.saving is not None:
        first += f" at accuracy {decision.saving.floor:.2%} or more"
    if constraints.limit_ms is not None:
        first += f"; it leaves {constraints.limit_ms - chosen.limited_ms:.2f} ms of the limit"
    lines = [first]
    if decision.saving is not None:
        lines += _floor(decision, decision.saving)
    if decision.denied is not None:
        lines.append(
            f"{_more_accurate(decision)}; the fastest allowed candidate of them needs "
            f"{decision.denied.limited_ms:.2f} ms ({_name(decision.denied)}, {_accuracy(decision.denied)})"
        )
    elif decision.more_accurate:
        rules = "memory and the server's budget" if constraints.max_server_ms else "memory"
        lines.append(f"{_more_accurate(decision)}; none fits the board's {rules}")
    for other in (decision.all_local, decision.split, decision.all_edge):
        if other is None or other.kind is chosen.kind:
            continue
        if other.kind is Kind.ALL_EDGE and constraints.raw_input_stays:
            text = "is not allowed: the raw input stays on the board"
        elif not other.feasible:
            text = shortcoming(other, constraints)
        elif decision.saving is not None:
            text = f"takes {amount(other, constraints)} at least"
            if other.accuracy < decision.saving.floor:
                text = f"reaches {_accuracy(other)} at most, less than the floor"
        else:
            loss = 100 * (chosen.accuracy - other.accuracy)
            text = f"reaches {_accuracy(other)} at most, {loss:.2f} points less"
        lines.append(f"{other.kind.value} {text}")
    return tuple(lines)


def _floor(decision: Decision, saving: Saving) -> list[str]:
    """Where the floor comes from, and what it saves."""
    best = saving.most_accurate
    below = f"{100 * FLOOR_BELOW:g} point below the most accurate feasible candidate"
    why = "as asked for" if decision.constraints.aim.min_accuracy else below
    lines = [f"the floor of {saving.floor:.2%} is {why} (--min-accuracy)"]
    if best.candidate != decision.chosen.candidate:
        lines.append(
            f"the most accurate feasible candidate takes {amount(best, decision.constraints)} ({_name(best)}, "
            f"{_accuracy(best)}, {best.candidate.arch})"
        )
    return lines


def flips(decision: Decision) -> tuple[str, ...]:
    """What would lead to another choice, one sentence each."""
    return tuple(_flip(flip, decision.constraints) for flip in decision.flips) or ("nothing within a factor of 64",)


def _flip(flip: Flip, constraints: Constraints) -> str:
    change = f"{flip.factor.value} {'down' if flip.scale < 1 else 'up'} to {_value(flip)}"
    found = flip.becomes
    if found is None:
        return f"{change}: nothing is feasible"
    takes = f"{amount(found, constraints)}, " if constraints.aim.saves else ""
    return f"{change}: {_name(found)}, {takes}{_accuracy(found)}, {found.candidate.arch}"


def _value(flip: Flip) -> str:
    match flip.factor:
        case Factor.FLOOR:
            return f"{flip.value:.2%}"
        case Factor.THROUGHPUT:
            return f"{rounded(flip.value)} Mbit/s"
        case Factor.ROUND_TRIP | Factor.LIMIT | Factor.SERVER:
            return f"{rounded(flip.value)} ms"


def _parts(chosen: Scored) -> str:
    def row(name: str, value: Quantiles) -> tuple[str, str, str]:
        return name, f"{value[0]:.2f}", f"{value[1]:.2f}"

    rows = [
        row("head", chosen.head_ms),
        *([row("of it on the board's serial line", chosen.line_ms)] if chosen.line_ms else []),
        row(f"transfer of {chosen.payload_bytes} B and round trip", chosen.transfer_ms),
        row("handing over and reply", (chosen.overhead_ms, chosen.overhead_ms)),
        row("tail", chosen.tail_ms),
        row("total", chosen.total_ms),
    ]
    return format_table(("predicted", "p50 ms", "p95 ms"), rows)


def _compare(decision: Decision) -> str:
    ends = [decision.all_local, decision.all_edge, *([decision.split] if decision.split else [])]
    named: list[tuple[str, Scored]] = [("chosen", decision.chosen)]
    named += [(f"runner-up {place}", other) for place, other in enumerate(decision.runners_up, start=1)]
    named += [(f"best {other.kind.value}", other) for other in ends]
    shown = _shows_energy(decision)
    rows: Sequence[Sequence[str]] = [
        (
            label,
            _name(other),
            f"{other.accuracy:.2%}",
            f"{other.head_ms[0]:.2f}",
            f"{other.transfer_ms[0]:.2f}",
            f"{other.tail_ms[0]:.2f}",
            f"{other.limited_ms:.2f}",
            f"{other.arena_bytes / 1024:.0f}",
            f"{other.flash_bytes / 1024:.0f}",
            *([f"{other.energy_mj:.4g}"] if shown else []),
            "yes" if other.feasible else "no",
        )
        for label, other in named
    ]
    total = f"p{decision.constraints.percentile:g} ms"
    header = (
        "",
        "runs",
        "accuracy",
        "head ms",
        "transfer",
        "tail",
        total,
        "arena KiB",
        "flash KiB",
        *(["energy mJ"] if shown else []),
        "feasible",
    )
    return format_table(header, rows)


def _name(scored: Scored) -> str:
    cut = scored.candidate.cut
    return (
        f"split at cut {cut} ({scored.candidate.encoding})"
        if scored.kind is Kind.SPLIT
        else scored.kind.value
    )


def _shows_energy(decision: Decision) -> bool:
    """Nobody who did not ask wants to read what follows from watts of some other board."""
    return decision.constraints.aim.saves_energy or decision.power != UNKNOWN_BOARD


def _accuracy(scored: Scored) -> str:
    return f"accuracy {scored.accuracy:.2%} ({origin(scored)})"
