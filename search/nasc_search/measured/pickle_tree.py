"""Whether a value that was read is a tree of bounded depth and size: a memo can make circles and multiply itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_OPEN: Final = -1


def check_tree(root: object, max_nesting: int, max_values: int) -> None:
    """Raise ValueError for a container within itself, nesting that is too deep, or too many values.

    Parts that several containers share count as often as they are referred to, which is how often a reader that
    walks the value meets them; each is looked at once here.
    """
    heights: dict[int, int] = {}
    sizes: dict[int, int] = {}
    pending = [root]
    while pending:
        value = pending[-1]
        children = _children(value)
        if children is None or heights.get(id(value), 0) > 0:
            pending.pop()
        elif id(value) not in heights:
            heights[id(value)] = _OPEN
            for child in children:
                if _children(child) is not None:
                    if heights.get(id(child)) == _OPEN:
                        raise ValueError("a container holds itself")
                    pending.append(child)
        else:
            pending.pop()
            _close(value, children, heights, sizes)
            if heights[id(value)] > max_nesting:
                raise ValueError(f"nested more than {max_nesting} deep")
            if sizes[id(value)] > max_values:
                raise ValueError(f"more than {max_values} values, shared parts counted as often as they are used")


def _close(value: object, children: Iterable[object], heights: dict[int, int], sizes: dict[int, int]) -> None:
    height, size = 0, 1
    for child in children:
        height = max(height, heights.get(id(child), 0))
        size += sizes.get(id(child), 1)
    heights[id(value)], sizes[id(value)] = height + 1, size


def _children(value: object) -> Iterable[object] | None:
    if type(value) in (list, tuple):
        return value  # type: ignore[return-value] # one of the two
    return value.values() if type(value) is dict else None
