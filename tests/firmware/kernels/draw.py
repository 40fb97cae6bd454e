"""Random cases of every operator, and the shapes that have code of their own."""

from __future__ import annotations

import numpy as np

from nasc_sdk.mcu.plan import Window
from tests.firmware.kernels.cases import Case, Operator

_KERNELS = (1, 2, 3, 3, 4, 5, 7)
_MOST_CHANNELS = (1 << 16) - 1
_CHANNELS = (1, 2, 3, 4, 5, 7, 8, 12, 13, 16, 17, 20)


def cases(seed: int, each: int) -> list[Case]:
    """``each`` of every operator, and twice as many convolutions."""
    random = np.random.default_rng(seed)
    drawn = [convolution(random, random_window(random), depthwise=bool(n % 2)) for n in range(4 * each)]
    drawn += [convolution(random, window, depthwise=depthwise) for window in _special() for depthwise in (False, True)]
    drawn += [_pool(random) for _ in range(each)]
    drawn += [_add(random, scalar=bool(n % 2)) for n in range(each)]
    drawn += [_rescale(random) for _ in range(each)]
    drawn += [_pad(random) for _ in range(each)]
    return drawn


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """(output, padding before the input) of TFLite's SAME."""
    out = -(-size // stride)
    return out, max((out - 1) * stride + kernel - size, 0) // 2


def same_window(height: int, width: int, channels: int, out: int, kernel: int, stride: int = 1) -> Window:
    """A square kernel with SAME padding."""
    out_height, top = same(height, kernel, stride)
    out_width, left = same(width, kernel, stride)
    output = (out_height, out_width, out)
    return Window((height, width, channels), output, (kernel, kernel), (stride, stride), (top, left))


def random_window(random: np.random.Generator) -> Window:
    """Any shape: VALID, SAME, the whole input, or as much padding as keeps a tap inside."""
    kernel = (int(random.choice(_KERNELS)), int(random.choice(_KERNELS)))
    stride = (int(random.integers(1, 3)), int(random.integers(1, 3)))
    channels, out = int(random.choice(_CHANNELS)), int(random.choice(_CHANNELS))
    size = (kernel[0] + int(random.integers(0, 6)), kernel[1] + int(random.integers(0, 6)))
    kind = int(random.integers(0, 4))
    if kind == 0:
        output = tuple((n - k) // s + 1 for n, k, s in zip(size, kernel, stride, strict=True))
        return Window((*size, channels), (*output, out), kernel, stride)
    if kind == 1:
        return Window((*kernel, channels), (1, 1, out), kernel, stride)
    if kind == 2:
        size = (int(random.integers(1, 9)), int(random.integers(1, 9)))  # a kernel may be larger than its input
        (height, top), (width, left) = (same(n, k, s) for n, k, s in zip(size, kernel, stride, strict=True))
        return Window((*size, channels), (height, width, out), kernel, stride, (top, left))
    pad = tuple(int(random.integers(0, k)) for k in kernel)
    output = tuple((n + p + k - 1 - k) // s + 1 for n, p, k, s in zip(size, pad, kernel, stride, strict=True))
    return Window((*size, channels), (*output, out), kernel, stride, pad)


def _special() -> list[Window]:
    """Shapes with code of their own, whole inputs, and strides above 2."""
    return [
        same_window(6, 5, 16, 16, 3),
        same_window(6, 5, 16, 16, 3, 2),
        same_window(5, 5, 32, 20, 1),
        same_window(5, 7, 3, 6, 3),
        same_window(6, 6, 8, 9, 3, 2),
        same_window(4, 9, 24, 7, 5),
        same_window(9, 4, 40, 8, 7),
        Window((1, 1, 131), (1, 1, 10), (1, 1)),
        Window((4, 4, 12), (1, 1, 11), (4, 4)),
        Window((7, 7, 20), (1, 1, 20), (7, 7)),
        Window((8, 9, 6), (1, 1, 6), (8, 9)),
        Window((1, 3, 48), (1, 3, 5), (1, 1)),
        Window((3, 8, 5), (1, 3, 5), (3, 4), (1, 2)),
        Window((9, 10, 8), (3, 3, 8), (3, 3), (3, 3)),
        Window((5, 11, 9), (2, 3, 4), (4, 5), (1, 3)),
    ]


def convolution(random: np.random.Generator, window: Window, *, depthwise: bool, ordinary: bool = False) -> Case:
    """Multipliers bring sums to the range of the output; unless ``ordinary``, now and then any shifts instead."""
    height, width = window.kernel
    if depthwise:
        window = Window(window.input, (*window.output[:2], window.input[2]), window.kernel, window.stride, window.pad)
    out, inputs = window.output[2], window.input[2]
    shape = (1, height, width, inputs) if depthwise else (out, height, width, inputs)
    steps = height * width * (1 if depthwise else inputs)
    shift = -np.round(np.log2(steps**0.5 * 40) + random.uniform(-2, 2, out)).astype(np.int64)
    if not ordinary and random.random() < 0.2:
        shift = random.choice([-31, -22, -1, 0, 1, 3], out).astype(np.int64)
    low, high = _limits(random)
    return Case(
        Operator.CONVOLVE_DEPTHWISE if depthwise else Operator.CONVOLVE,
        window,
        _steps(random, window.input),
        weights=_steps(random, shape),
        bias=random.integers(-2000, 2000, out).astype(np.int32),
        multipliers=np.stack([_mantissas(random, out), shift], axis=1),
        in_zero=_zero(random),
        out_zero=_zero(random),
        low=low,
        high=high,
    )


def _pool(random: np.random.Generator) -> Case:
    window = random_window(random)
    channels = window.input[2]
    window = Window(window.input, (*window.output[:2], channels), window.kernel, window.stride, window.pad)
    if random.random() < 0.2:
        height, width = (int(n) for n in random.integers(1, 4, 2))
        window = Window((3 * height, 4 * width, channels), (height, width, channels), (3, 4), (3, 4))
    low, high = _limits(random)
    return Case(Operator.AVERAGE_POOL, window, _steps(random, window.input), low=low, high=high)


def flat(count: int) -> Window:
    """So many elements."""
    rows = -(-count // _MOST_CHANNELS)
    return Window((1, rows, count // rows), (1, rows, count // rows))


def _add(random: np.random.Generator, *, scalar: bool) -> Case:
    count = int(random.integers(1, 300))
    shifts = [-int(random.integers(0, 4)), -int(random.integers(0, 4)), -int(random.integers(17, 21))]
    low, high = _limits(random)
    return Case(
        Operator.ADD, flat(count), _steps(random, (1, 1, count)),
        second=_steps(random, (1 if scalar else count,)),
        multipliers=np.stack([_mantissas(random, 3), np.array(shifts, np.int64)], axis=1),
        in_zero=_zero(random), second_zero=_zero(random), out_zero=_zero(random), low=low, high=high,
    )  # fmt: skip


def _rescale(random: np.random.Generator) -> Case:
    count = int(random.integers(1, 300))
    low, high = _limits(random)
    return Case(
        Operator.RESCALE, flat(count), _steps(random, (1, 1, count)),
        multipliers=np.stack([_mantissas(random, 1), random.integers(-4, 4, 1)], axis=1),
        in_zero=_zero(random), out_zero=_zero(random), low=low, high=high,
    )  # fmt: skip


def _pad(random: np.random.Generator) -> Case:
    height, width, channels = (int(n) for n in random.integers(1, 8, 3))
    top, left, bottom, right = (int(n) for n in random.integers(0, 4, 4))
    window = Window((height, width, channels), (height + top + bottom, width + left + right, channels), pad=(top, left))
    return Case(Operator.PAD, window, _steps(random, (height, width, channels)), in_zero=_zero(random))


def _steps(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Now and then nothing but extremes."""
    if random.random() < 0.15:
        return random.choice([-128, 127], shape).astype(np.int8)
    return random.integers(-128, 128, shape).astype(np.int8)


def _mantissas(random: np.random.Generator, count: int) -> np.ndarray:
    """Of 31 bits; half of them powers of two, which make ties."""
    drawn = random.integers(1 << 30, 1 << 31, count)
    return np.where(random.random(count) < 0.5, drawn, 1 << 30).astype(np.int64)


def _zero(random: np.random.Generator) -> int:
    return int(random.choice([-128, 127, 0, int(random.integers(-128, 128))]))


def _limits(random: np.random.Generator) -> tuple[int, int]:
    if random.random() < 0.5:
        return -128, 127
    low, high = sorted(int(n) for n in random.integers(-128, 128, 2))
    return low, high
