"""Reads plain values out of a pickle without Python's unpickler, which runs what a file tells it to run.

A pickle is a program for a stack machine. This machine knows the instructions that dictionaries, lists, tuples, text,
bytes, numbers and numpy's arrays of plain numbers need in protocols 0 to 5, and stops at any other one. It has no
instruction that imports, looks up an attribute or calls: names of globals are compared with a short list
(``pickle_numpy.py``) and stand for themselves. Instructions, stack, memo, nesting and bytes are bounded.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nasc_sdk.errors import UnsafePickleError
from nasc_search.measured.pickle_numpy import GLOBALS, PlainArray, PlainDtype, call
from nasc_search.measured.pickle_tree import check_tree

_HIGHEST_PROTOCOL: Final = 5
_OBJECT_BYTES: Final = 64
"""What an object costs beside its content, about."""
_ITEM_BYTES: Final = 16
_ENTRY_BYTES: Final = 104
_INTEGER_BYTES: Final = 8
_NAMES: Final = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
_HOLE: Final = object()
# Python 2 numbered its memo from 1.
_LARGEST_GAP: Final = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may ask for. One of the official size has 0.7 to 9 million instructions, by how it is written."""

    opcodes: int = 12_000_000
    stack: int = 200_000
    memo: int = 4_000_000
    nesting: int = 16
    built_bytes: int = 320 << 20
    """Bytes of all values that are made, thrown away or not."""
    values: int = 8_000_000
    """Values of the whole, shared parts counted as often as they are referred to."""
    line_bytes: int = 4 << 20


def read_pickle(data: bytes, limits: Limits | None = None) -> object:
    """The value of a pickle: dict, list, tuple, str, bytes, int, float, bool, None and ``PlainArray``.

    Raises UnsafePickleError with the byte at which the file asks for anything else, or for too much.
    """
    limits = limits or Limits()
    machine = _Machine(data, limits)
    value = machine.run()
    try:
        check_tree(value, limits.nesting, limits.values)
    except ValueError as error:
        raise UnsafePickleError(len(data), str(error)) from error
    return value


class _Machine:
    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data, self._limits = data, limits
        self._at = self._position = self._built = 0
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: list[object] = []

    def run(self) -> object:
        """Follow the instructions up to STOP."""
        data, size, stack, limits = self._data, len(self._data), self._stack, self._limits
        for _ in range(limits.opcodes):
            self._at = self._position
            if self._at >= size:
                raise self._refusal("the file ends before its STOP; it is not whole, or no pickle")
            code = data[self._at]
            self._position += 1
            if code == _STOP:
                return self._end()
            handler = _HANDLERS.get(code)
            if handler is None:
                name = _NAMES.get(code)
                what = f"instruction {name} (0x{code:02x}) is not needed for plain values" if name else "no instruction"
                raise self._refusal(f"{what}; is it a pickle of numbers?")
            try:
                handler(self)
            except ValueError as error:
                raise self._refusal(str(error)) from error
            if len(stack) > limits.stack:
                raise self._refusal(f"more than {limits.stack} values wait on the stack")
        raise self._refusal(f"more than {limits.opcodes} instructions")

    def _end(self) -> object:
        if len(self._stack) != 1 or self._marks:
            raise self._refusal(f"it stops with {len(self._stack)} values instead of one")
        if self._position != len(self._data):
            raise self._refusal("something follows the end of the pickle")
        return self._stack[0]

    def _refusal(self, reason: str) -> UnsafePickleError:
        return UnsafePickleError(self._at, reason)

    # --- Bytes ------------------------------------------------------------------------------------

    def _take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise ValueError(f"{count} bytes are announced, {len(self._data) - self._position} are left")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def _number(self, kind: struct.Struct) -> int:
        value: int = kind.unpack(self._take(kind.size))[0]
        return value

    def _line(self) -> bytes:
        end = self._data.find(b"\n", self._position, self._position + self._limits.line_bytes)
        if end < 0:
            raise ValueError("a line has no end")
        line = self._data[self._position : end]
        self._position = end + 1
        return line

    # --- Stack ------------------------------------------------------------------------------------

    def _charge(self, count: int) -> None:
        self._built += count
        if self._built > self._limits.built_bytes:
            raise ValueError(f"more than {self._limits.built_bytes >> 20} MiB of values")

    def _push(self, value: object, content: int = 0) -> None:
        self._charge(_OBJECT_BYTES + content)
        self._stack.append(value)

    def _floor(self) -> int:
        return self._marks[-1] if self._marks else 0

    def _pop(self) -> object:
        if len(self._stack) <= self._floor():
            raise ValueError("the stack is empty")
        return self._stack.pop()

    def _top(self) -> object:
        if len(self._stack) <= self._floor():
            raise ValueError("the stack is empty")
        return self._stack[-1]

    def _pop_to_mark(self) -> list[object]:
        if not self._marks:
            raise ValueError("there is no mark")
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    # --- Instructions: values ---------------------------------------------------------------------

    def _proto(self) -> None:
        if self._at != 0:
            raise ValueError("PROTO is not the first instruction")
        version = self._take(1)[0]
        if version > _HIGHEST_PROTOCOL:
            raise ValueError(f"protocol {version} is not known")

    def _frame(self) -> None:
        length = self._number(_U64)
        left = len(self._data) - self._position
        if length > left:
            raise ValueError(f"a frame of {length} bytes is announced, {left} are left")

    def _int_line(self) -> None:
        line = self._line()
        booleans = {b"00": False, b"01": True}
        self._push(booleans[line] if line in booleans else _decimal(line))

    def _long_line(self) -> None:
        self._push(_decimal(self._line().removesuffix(b"L")))

    def _float_line(self) -> None:
        line = self._line()
        if len(line) > _LONGEST_NUMBER:
            raise ValueError("a number has too many digits")
        self._push(float(line))

    def _float(self) -> None:
        self._push(_F64.unpack(self._take(8))[0])

    def _long(self, size: struct.Struct) -> None:
        count = self._number(size)
        if not 0 <= count <= _INTEGER_BYTES:
            raise ValueError(f"an integer of {count} bytes; more than {_INTEGER_BYTES} are not needed")
        self._push(int.from_bytes(self._take(count), "little", signed=True))

    def _text(self, size: struct.Struct) -> None:
        raw = self._take(self._number(size))
        self._push_text(raw.decode("utf-8", "surrogatepass"))

    def _text_line(self) -> None:
        self._push_text(self._line().decode("raw-unicode-escape"))

    def _push_text(self, text: str) -> None:
        self._push(text, len(text) if text.isascii() else 4 * len(text))

    def _bytes(self, size: struct.Struct) -> None:
        raw = self._take(self._number(size))
        self._push(raw, len(raw))

    def _old_string(self, size: struct.Struct) -> None:
        count = self._number(size)
        if count < 0:
            raise ValueError("a string of negative length")
        raw = self._take(count)
        self._push(raw.decode("latin-1"), len(raw))

    def _old_string_line(self) -> None:
        raw = self._line()
        if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"') or b"\\" in raw:
            raise ValueError("a string with escapes; save the file with Python 3")
        self._push(raw[1:-1].decode("latin-1"), len(raw))

    # --- Instructions: containers -----------------------------------------------------------------

    def _mark(self) -> None:
        self._marks.append(len(self._stack))
        if len(self._marks) > self._limits.nesting:
            raise ValueError(f"nested more than {self._limits.nesting} deep")

    def _tuple_of(self, count: int) -> None:
        values = [self._pop() for _ in range(count)]
        self._push(tuple(reversed(values)), _ITEM_BYTES * count)

    def _tuple(self) -> None:
        values = tuple(self._pop_to_mark())
        self._push(values, _ITEM_BYTES * len(values))

    def _list(self) -> None:
        values = self._pop_to_mark()
        self._push(values, _ITEM_BYTES * len(values))

    def _append(self) -> None:
        self._extend([self._pop()])

    def _appends(self) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[object]) -> None:
        target = self._top()
        if type(target) is not list:
            raise ValueError("it appends to something that is no list")
        self._charge(_ITEM_BYTES * len(values))
        target.extend(values)

    def _dict(self) -> None:
        values = self._pop_to_mark()
        self._push({})
        self._set(values)

    def _setitem(self) -> None:
        value = self._pop()
        self._set([self._pop(), value])

    def _setitems(self) -> None:
        self._set(self._pop_to_mark())

    def _set(self, values: list[object]) -> None:
        target = self._top()
        if type(target) is not dict or len(values) % 2:
            raise ValueError("it sets items of something that is no dictionary, or a key without a value")
        self._charge(_ENTRY_BYTES * len(values))
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Other keys can be made to collide by the thousand, which costs the square of their number.
            if type(key) not in (str, int):
                raise ValueError("a key of a dictionary is neither text nor an integer")
            target[key] = value

    # --- Instructions: memo -----------------------------------------------------------------------

    def _put(self, index: int) -> None:
        if index >= min(len(self._memo) + _LARGEST_GAP + 1, self._limits.memo) or index < 0:
            raise ValueError(f"memo entry {index} after {len(self._memo)} of at most {self._limits.memo}")
        self._memo.extend([_HOLE] * (index + 1 - len(self._memo)))
        self._memo[index] = self._top()

    def _get(self, index: int) -> None:
        value = self._memo[index] if 0 <= index < len(self._memo) else _HOLE
        if value is _HOLE:
            raise ValueError(f"memo entry {index} was never made")
        self._stack.append(value)

    # --- Instructions: names ----------------------------------------------------------------------

    def _global(self) -> None:
        module, name = self._line().decode("latin-1"), self._line().decode("latin-1")
        self._name(module, name)

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("the name of a global is no text")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        known = GLOBALS.get(f"{module}.{name}")
        # A dot in the name would be an attribute of an attribute.
        if known is None or "." in name:
            raise ValueError(f"it names {f'{module}.{name}'!r:.100}, which tables of numbers do not need")
        self._push(known)

    def _reduce(self) -> None:
        arguments = self._pop()
        known = self._pop()
        value = call(known, arguments)
        self._push(value, len(value) if isinstance(value, bytes) else _OBJECT_BYTES)

    def _build(self) -> None:
        state, target = self._pop(), self._top()
        if not isinstance(target, PlainArray | PlainDtype):
            raise ValueError("it sets the state of something that is neither array nor dtype")
        target.set_state(state)


def _decimal(line: bytes) -> int:
    if not line.removeprefix(b"-").isdigit() or len(line) > _LONGEST_INTEGER:
        raise ValueError(f"{line[:40]!r} is no integer of {_INTEGER_BYTES} bytes")
    return int(line)


_U8, _U16, _U32, _I32, _U64 = (struct.Struct(kind) for kind in ("<B", "<H", "<I", "<i", "<Q"))
_F64: Final = struct.Struct(">d")
_LONGEST_NUMBER: Final = 64
_LONGEST_INTEGER: Final = 20
_STOP: Final = ord(".")
_HANDLERS: Final[dict[int, Callable[[_Machine], None]]] = {
    # Protocol 0
    ord("("): _Machine._mark,
    ord("F"): _Machine._float_line,
    ord("I"): _Machine._int_line,
    ord("L"): _Machine._long_line,
    ord("N"): lambda machine: machine._stack.append(None),
    ord("R"): _Machine._reduce,
    ord("S"): _Machine._old_string_line,
    ord("V"): _Machine._text_line,
    ord("a"): _Machine._append,
    ord("b"): _Machine._build,
    ord("c"): _Machine._global,
    ord("d"): _Machine._dict,
    ord("e"): _Machine._appends,
    ord("g"): lambda machine: machine._get(_decimal(machine._line())),
    ord("l"): _Machine._list,
    ord("p"): lambda machine: machine._put(_decimal(machine._line())),
    ord("s"): _Machine._setitem,
    ord("t"): _Machine._tuple,
    # Protocol 1
    ord("J"): lambda machine: machine._push(machine._number(_I32)),
    ord("K"): lambda machine: machine._push(machine._number(_U8)),
    ord("M"): lambda machine: machine._push(machine._number(_U16)),
    ord("G"): _Machine._float,
    ord("T"): lambda machine: machine._old_string(_I32),
    ord("U"): lambda machine: machine._old_string(_U8),
    ord("X"): lambda machine: machine._text(_U32),
    ord("}"): lambda machine: machine._push({}),
    ord("]"): lambda machine: machine._push([]),
    ord(")"): lambda machine: machine._push(()),
    ord("h"): lambda machine: machine._get(machine._number(_U8)),
    ord("j"): lambda machine: machine._get(machine._number(_U32)),
    ord("q"): lambda machine: machine._put(machine._number(_U8)),
    ord("r"): lambda machine: machine._put(machine._number(_U32)),
    ord("u"): _Machine._setitems,
    # Protocol 2
    0x80: _Machine._proto,
    0x85: lambda machine: machine._tuple_of(1),
    0x86: lambda machine: machine._tuple_of(2),
    0x87: lambda machine: machine._tuple_of(3),
    0x88: lambda machine: machine._stack.append(True),
    0x89: lambda machine: machine._stack.append(False),
    0x8A: lambda machine: machine._long(_U8),
    0x8B: lambda machine: machine._long(_I32),
    # Protocol 3
    ord("B"): lambda machine: machine._bytes(_U32),
    ord("C"): lambda machine: machine._bytes(_U8),
    # Protocol 4
    0x8C: lambda machine: machine._text(_U8),
    0x8D: lambda machine: machine._text(_U64),
    0x8E: lambda machine: machine._bytes(_U64),
    0x93: _Machine._stack_global,
    0x94: lambda machine: machine._put(len(machine._memo)),
    0x95: _Machine._frame,
    # Protocol 5; numpy's arrays that can be written to
    0x96: lambda machine: machine._bytes(_U64),
}
