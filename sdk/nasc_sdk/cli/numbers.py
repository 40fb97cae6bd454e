"""Types of numeric options: what is out of range is a usage error, told before anything is asked of anybody."""

from __future__ import annotations

import math
from typing import Any, Final

import click


class Finite(click.FloatRange):
    """A range that neither infinity nor NaN is in: NaN is on no side of its ends."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Usage error for what is out of range."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is no finite number.", param, ctx)
        return found


POSITIVE: Final = Finite(0, min_open=True)
NOT_NEGATIVE: Final = Finite(0)
