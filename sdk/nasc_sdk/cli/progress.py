"""A progress bar on standard error, fed with (done, total, label)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Progress = Callable[[int, int, str], None]


@contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A callback that moves the bar; nothing is drawn when quiet or when standard error is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield _nothing
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:
        shown = 0

        def move(done: int, total: int, what: str) -> None:
            nonlocal shown
            bar.length = max(total, 1)
            bar.label = f"{label}: {what}" if what else label
            bar.update(done - shown)
            shown = done

        yield move


def _nothing(done: int, total: int, label: str) -> None:
    """No bar."""
