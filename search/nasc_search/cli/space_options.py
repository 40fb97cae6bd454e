"""Options that say which search space, and how large its skeleton is; shared by verbs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from nasc_sdk.cli.numbers import Finite
from nasc_sdk.errors import InputError

if TYPE_CHECKING:
    from nasc_sdk.ir.network import TensorSpec
    from nasc_search.spaces.space import SearchSpace

_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "nb201": {"channels": 16, "cells": 2, "stem_stride": 1},
    "fbnet": {"width": 1.0, "depth": 4, "skeleton": "cifar"},
}
_COUNT: Final = click.IntRange(1)
_OPTIONS: Final = (
    click.option(
        "--space", "kind", default="nb201", show_default=True, type=click.Choice(list(_DEFAULTS)),
        help="Cells of NAS-Bench-201, or FBNet's chain of inverted residuals.",
    ),
    click.option("--channels", type=_COUNT, help="nb201: channels of the first stage.  [default: 16]"),
    click.option("--cells", type=_COUNT, help="nb201: cells per stage.  [default: 2]"),
    click.option("--stem-stride", type=click.IntRange(1, 2), help="nb201: stride of the stem.  [default: 1]"),
    click.option(
        "--width", type=Finite(0, 8, min_open=True), help="fbnet: factor on channels.  [default: 1]"
    ),
    click.option("--depth", type=click.IntRange(1, 12), help="fbnet: layers of each inner stage.  [default: 4]"),
    click.option(
        "--skeleton", type=click.Choice(["cifar", "imagenet"]), help="fbnet: published strides.  [default: cifar]"
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpaceChoice:
    """What the options said, once input and classes are known from the data."""

    kind: str
    macro: dict[str, Any]

    def space(self, image: TensorSpec, classes: int) -> SearchSpace:
        """The space for a data set's images."""
        from nasc_search.spaces.fbnet import CIFAR, IMAGENET, FBNetMacro, FBNetSpace
        from nasc_search.spaces.nb201 import Macro, NB201Space

        macro = self.macro
        if self.kind == "nb201":
            return NB201Space(Macro(image, classes, macro["channels"], macro["cells"], macro["stem_stride"]))
        skeleton = {"cifar": CIFAR, "imagenet": IMAGENET}[macro["skeleton"]]
        return FBNetSpace(FBNetMacro.of(skeleton, image, classes, macro["width"], macro["depth"]))


def space_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command gets ``space_choice``. InputError for options of another space."""

    @wraps(command)
    def with_space(*args: Any, kind: str, **values: Any) -> None:
        given = {name: values.pop(name) for defaults in _DEFAULTS.values() for name in defaults}
        strange = [name for name, value in given.items() if value is not None and name not in _DEFAULTS[kind]]
        if strange:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in strange)
            raise InputError(f"--space {kind} has no {options}; see nasc-sdk train --help")
        macro = {name: given[name] if given[name] is not None else default for name, default in _DEFAULTS[kind].items()}
        command(*args, space_choice=SpaceChoice(kind, macro), **values)

    for option in reversed(_OPTIONS):
        with_space = option(with_space)
    return with_space
