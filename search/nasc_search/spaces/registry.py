"""Spaces by kind, to and from plain data: as checkpoints keep them. A new space is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Final, get_type_hints

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.spaces.fbnet import FBNetMacro, FBNetSpace
from nasc_search.spaces.nb201 import Macro, NB201Space
from nasc_search.spaces.space import SearchSpace

_SPACES: Final[Mapping[str, tuple[type[Any], type[Any]]]] = {
    "nb201": (NB201Space, Macro),
    "fbnet": (FBNetSpace, FBNetMacro),
}
"""Kind to the space, which is made of its macro alone, and to the macro: a frozen dataclass."""
KINDS: Final = tuple(_SPACES)


def to_plain(space: SearchSpace) -> tuple[str, dict[str, Any]]:
    """Kind and macro as numbers, lists and dictionaries; InputError for a space that is not registered."""
    for kind, (space_type, _) in _SPACES.items():
        if isinstance(space, space_type):
            return kind, asdict(space.macro)
    raise InputError(f"{space.name} is none of the spaces that can be kept: {', '.join(KINDS)}")


def from_plain(kind: str, macro: Any) -> SearchSpace:
    """The space that :func:`to_plain` was given; InputError when kind or macro is anything else."""
    if kind not in _SPACES:
        raise InputError(f"{kind!r:.40} is no search space; there are {', '.join(KINDS)}")
    space_type, macro_type = _SPACES[kind]
    hints, names = get_type_hints(macro_type), {field.name for field in fields(macro_type)}
    if not isinstance(macro, Mapping) or not macro.keys() <= names:
        raise InputError(f"{macro!r:.120} is no skeleton of {kind}: it has {', '.join(sorted(names))}")
    try:
        space: SearchSpace = space_type(macro_type(**{name: _value(macro[name], hints[name]) for name in macro}))
    except TypeError as error:
        raise InputError(f"{macro!r:.120} is no skeleton of {kind}: {error}") from error
    return space


def _value(plain: Any, hint: Any) -> object:
    """A field of a macro; TypeError where the plain value is of another type."""
    if hint is TensorSpec:
        sizes: dict[str, Any] = {name: _value(size, int) for name, size in dict(plain).items()}
        return TensorSpec(**sizes)
    if hint == tuple[int, ...]:
        if not isinstance(plain, list | tuple):
            raise TypeError(f"{plain!r:.40} is no list")
        return tuple(_value(number, int) for number in plain)
    if isinstance(plain, bool) or not isinstance(plain, int | float if hint is float else hint):
        raise TypeError(f"{plain!r:.40} is no {hint.__name__}")
    return plain
