"""What numpy writes into a pickle, understood by name: nothing here imports, looks up or calls what a file says.

An array is written as a call of ``_reconstruct`` that makes an empty one, then a state: version, shape, dtype, whether
in Fortran order, bytes. A number is ``scalar(dtype, bytes)``. Protocol 5 writes ``_frombuffer(bytes, dtype, shape,
order)``. A dtype is ``dtype(code, align, copy)``, then a state that holds its byte order.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from math import prod
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CODES: Final = frozenset(("b1", "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"))
_ORDERS: Final = ("<", ">", "|")
_MAX_DIMENSIONS: Final = 4
_DTYPE_VERSION: Final = 3
_ARRAY_VERSION: Final = 1


class Known(Enum):
    """A global that is recognised: a word on the stack, never the thing it names."""

    RECONSTRUCT = auto()
    NDARRAY = auto()
    DTYPE = auto()
    SCALAR = auto()
    FROMBUFFER = auto()
    ORDERED_DICT = auto()
    ENCODE = auto()
    """How protocols 0 to 2 write bytes: characters up to 255, and "latin1"."""


GLOBALS: Final = {
    "numpy.core.multiarray._reconstruct": Known.RECONSTRUCT,
    "numpy._core.multiarray._reconstruct": Known.RECONSTRUCT,
    "numpy.ndarray": Known.NDARRAY,
    "numpy.dtype": Known.DTYPE,
    "numpy.core.multiarray.scalar": Known.SCALAR,
    "numpy._core.multiarray.scalar": Known.SCALAR,
    "numpy.core.numeric._frombuffer": Known.FROMBUFFER,
    "numpy._core.numeric._frombuffer": Known.FROMBUFFER,
    "collections.OrderedDict": Known.ORDERED_DICT,
    "_codecs.encode": Known.ENCODE,
}


class PlainDtype:
    """A dtype of plain numbers whose byte order is set once."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: str) -> None:
        self._code, self._order = code, ""

    def set_state(self, state: object) -> None:
        """Take the byte order out of numpy's state; raises ValueError when there is more to it."""
        if self._order:
            raise ValueError("the state of a dtype is set twice")
        # (version, order, subarray, names, fields, item size, alignment, flags)
        match state:
            case (int(version), str(order), None, None, None, int(), int(), int()) if type(state) is tuple:
                if version == _DTYPE_VERSION and order in _ORDERS:
                    self._order = order
                    return
        raise ValueError("the state of a dtype is not that of a plain number")

    def numpy(self) -> np.dtype[Any]:
        """The dtype."""
        import numpy as np

        return np.dtype((self._order or "<") + self._code)


class PlainArray:
    """An array of plain numbers whose content is set once; ``values`` is None until then."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: NDArray[Any] | None = None

    def set_state(self, state: object) -> None:
        """Take shape and numbers out of numpy's state; raises ValueError."""
        if self.values is not None:
            raise ValueError("the state of an array is set twice")
        match state:
            case (int(version), tuple(shape), PlainDtype() as dtype, bool() | int() as fortran, raw):
                if version != _ARRAY_VERSION or type(state) is not tuple:
                    raise ValueError(f"the state of an array has version {version!r:.20}")
                self.values = _array(_bytes(raw), dtype, shape, "F" if fortran else "C")
            case _:
                raise ValueError("the state of an array is not that of plain numbers")


def call(known: object, arguments: object) -> object:
    """What a recognised global makes of its arguments, without calling it; raises ValueError."""
    if not isinstance(known, Known) or type(arguments) is not tuple:
        raise ValueError("it calls something that is no recognised global")
    makers: dict[Known, Callable[[tuple[object, ...]], object]] = {
        Known.RECONSTRUCT: _reconstruct,
        Known.DTYPE: _dtype,
        Known.SCALAR: _scalar,
        Known.FROMBUFFER: _frombuffer,
        Known.ORDERED_DICT: _ordered_dict,
        Known.ENCODE: _encode,
    }
    if known not in makers:
        raise ValueError(f"it calls {known.name}")
    return makers[known](arguments)


def _reconstruct(arguments: tuple[object, ...]) -> PlainArray:
    match arguments:
        case (Known.NDARRAY, (0,), b"b" | "b"):
            return PlainArray()
    raise ValueError("it reconstructs something that is no plain array")


def _dtype(arguments: tuple[object, ...]) -> PlainDtype:
    match arguments:
        case (str(code), bool() | int(), bool() | int()) if code in _CODES:
            return PlainDtype(code)
        case (str(code), *_):
            raise ValueError(f"dtype {code!r:.40} is not one of plain numbers ({', '.join(sorted(_CODES))})")
    raise ValueError("a dtype is not one of plain numbers")


def _scalar(arguments: tuple[object, ...]) -> object:
    match arguments:
        case (PlainDtype() as dtype, raw):
            return _array(_bytes(raw), dtype, (1,), "C")[0].item()
    raise ValueError("a numpy number is not made of a dtype and bytes")


def _frombuffer(arguments: tuple[object, ...]) -> PlainArray:
    match arguments:
        case (raw, PlainDtype() as dtype, tuple(shape), "C" | "F" as order):
            array = PlainArray()
            array.values = _array(_bytes(raw), dtype, shape, order)
            return array
    raise ValueError("an array is not made of bytes, dtype, shape and order")


def _ordered_dict(arguments: tuple[object, ...]) -> dict[object, object]:
    if arguments:
        raise ValueError("an OrderedDict is made of something")
    return {}


def _encode(arguments: tuple[object, ...]) -> bytes:
    match arguments:
        case (str(text), "latin1" | "latin-1"):
            return _bytes(text)
    raise ValueError("_codecs.encode is not given text and latin1")


def _bytes(raw: object) -> bytes:
    # Protocols 0 to 2 of Python 2 wrote bytes as its strings, which are characters up to 255 here.
    if isinstance(raw, str):
        try:
            return raw.encode("latin-1")
        except UnicodeEncodeError as error:
            raise ValueError("bytes are written as text that is none") from error
    if isinstance(raw, bytes):
        return raw
    raise ValueError("numbers are not written as bytes")


def _array(raw: bytes, dtype: PlainDtype, shape: tuple[object, ...], order: str) -> NDArray[Any]:
    import numpy as np

    kind = dtype.numpy()
    sizes = [size for size in shape if type(size) is int and 0 <= size <= len(raw)]
    if len(sizes) != len(shape) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError("the shape of an array is not one of a few plain sizes")
    if prod(sizes) * kind.itemsize != len(raw):
        raise ValueError(f"an array of {prod(sizes)} {kind} is written in {len(raw)} bytes")
    flat = np.frombuffer(raw, kind)
    return flat.reshape(sizes) if order == "C" else flat.reshape(sizes[::-1]).T
