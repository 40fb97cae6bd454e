"""Firmware with ``hang.c``, and heads that it does not come back from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nasc_sdk.mcu.session import Compiled


def hanging(board, watchdog_s=2):
    """The board with firmware that knows heads that do not end, and a watchdog that soon notices."""
    build = replace(
        board.build,
        sources=(*board.build.sources, str(Path(__file__).with_name("hang.c"))),
        flags=(*board.build.flags, "-Wl,--wrap=nasc_plan_operator"),
        defines={**board.build.defines, "NASC_WATCHDOG_S": watchdog_s},
    )
    return replace(board, build=build)


def named(session, model, name):
    """A head whose first operator has this name."""
    plan = session.compile(model, name).plan
    first, *others = plan.operators
    plan = replace(plan, operators=(replace(first, name=name), *others))
    return Compiled(name, plan, plan.pack())
