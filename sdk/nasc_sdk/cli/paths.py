"""Type of options and arguments that name files: what the disk shows of them is bad input, not usage.

A usage error (exit status 2) is seen in the command line alone. That a file is not there, is a folder, or cannot be
read is no other than what is wrong in it: exit status 3, whoever looks first.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from nasc_sdk.errors import InputError


class UserPath(click.Path):
    """A :class:`pathlib.Path`. Raises InputError, which names the option, for what it may not be."""

    def __init__(self, *, exists: bool = False, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(exists=exists, file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def fail(self, message: str, param: click.Parameter | None = None, ctx: click.Context | None = None) -> NoReturn:
        """InputError instead of a usage error."""
        where = param.get_error_hint(ctx) if param is not None and ctx is not None else "path"
        raise InputError(f"{where}: {message}")
