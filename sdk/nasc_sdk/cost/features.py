"""Feature keys: the identity of operators, blocks and heads across boards, as readable text.

Grammar (counts are of operators that reach the output, in canonical order)::

    op     conv3x3/2 28x28x16>14x14x32          label, first input's shape, output's shape if it differs
    block  cell|add 28x28x16*2|relu 28x28x16*1
    head   head;stem|...*1;cell|...*2#3         the blocks in order, #3: three times; a tail has the same form

Two blocks with one key run the same operators at the same shapes, only wired differently: they take the same
time. A fused activation is not part of the key: it is the clamp that the kernels do anyway. Nor are groups: a grouped
convolution is exported as a dense one (docs/adr/0014).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Block, Network, Op, OpKind, TensorSpec

_HEAD: Final = "head"
MAX_BLOCKS: Final = 1024
_OP: Final = re.compile(
    r"(?P<kind>[a-z_]+?)(?:(?P<kernel>\d+)x(?P=kernel))?(?:/(?P<stride>\d+))?"
    r" (?P<source>\d+x\d+x\d+)(?:>(?P<spec>\d+x\d+x\d+))?"
)


@dataclass(frozen=True, slots=True)
class OpFeatures:
    """What an op key says."""

    kind: OpKind
    kernel: int
    stride: int
    source: TensorSpec
    spec: TensorSpec

    @property
    def macs(self) -> int:
        """Multiply-accumulates; for operators without any, the elements they read."""
        match self.kind:
            case OpKind.CONV:
                return self.spec.elements * self.kernel**2 * self.source.channels
            case OpKind.DEPTHWISE | OpKind.AVG_POOL:
                return self.spec.elements * self.kernel**2
            case OpKind.DENSE:
                return self.spec.channels * self.source.elements
            case _:
                return self.source.elements

    @property
    def bytes_moved(self) -> int:
        """Activation bytes read and written, int8."""
        inputs = 2 if self.kind is OpKind.ADD else 1
        return inputs * self.source.elements + self.spec.elements


def op_key(op: Op, source: TensorSpec) -> str:
    """The operator at its shapes; ``source`` is its first input's shape."""
    return f"{op.label} {source}" if source == op.spec else f"{op.label} {source}>{op.spec}"


@lru_cache(maxsize=1 << 14)
def parse_op(key: str) -> OpFeatures:
    """Inverse of :func:`op_key`; InputError when the text is no op key."""
    match = _OP.fullmatch(key)
    if match is None:
        raise InputError(f"{key!r} is no operator key")
    try:
        kind = OpKind(match["kind"])
    except ValueError as error:
        raise InputError(f"{key!r}: {error}") from error
    return OpFeatures(
        kind,
        int(match["kernel"] or 1),
        int(match["stride"] or 1),
        _spec(match["source"]),
        _spec(match["spec"] or match["source"]),
    )


def block_features(block: Block) -> dict[str, int]:
    """How often each operator runs, by op key, in canonical (sorted) order; dead operators do not count."""
    block = block.without_dead_ops()
    shapes = {op.output: op.spec for op in block.ops}
    counts = Counter(op_key(op, shapes.get(op.inputs[0], block.input)) for op in block.ops)
    return dict(sorted(counts.items()))


def block_key(block: Block) -> str:
    """Canonical key of a block: its kind and its features."""
    return format_block(block.kind.value, block_features(block))


def format_block(kind: str, features: dict[str, int]) -> str:
    """The key of a block with these features."""
    return "|".join((kind, *(f"{op}*{count}" for op, count in sorted(features.items()))))


def parse_block(key: str) -> tuple[str, dict[str, int]]:
    """Kind and features of a block key; InputError when the text is none."""
    kind, *items = key.split("|")
    if not re.fullmatch(r"[a-z_]+", kind) or kind == _HEAD:
        raise InputError(f"{key!r} is no block key")
    features: dict[str, int] = {}
    for item in items:
        op, star, count = item.rpartition("*")
        if not star or not count.isdecimal() or int(count) < 1 or op in features:
            raise InputError(f"{item!r} in {key!r} is no operator with its count")
        parse_op(op)
        features[op] = int(count)
    return kind, features


def describe_block(key: str) -> str:
    """How many of which operators a block runs, most work first; nothing where the text is no block key."""
    try:
        _, features = parse_block(key)
    except InputError:
        return ""
    counts: Counter[str] = Counter()
    work: Counter[str] = Counter()
    for op, count in features.items():
        label = op.partition(" ")[0]
        counts[label] += count
        work[label] += count * parse_op(op).macs
    return ", ".join(f"{counts[label]} {label}" for label, _ in work.most_common())


def head_key(blocks: Network | Iterable[Block]) -> str:
    """Canonical key of a whole head (or tail): the keys of its blocks in order."""
    ordered = blocks.blocks if isinstance(blocks, Network) else blocks
    return join_blocks(block_key(block) for block in ordered)


def join_blocks(keys: Iterable[str]) -> str:
    """The key of a head made of blocks with these keys."""
    runs = ((key, len(list(run))) for key, run in groupby(keys))
    return ";".join((_HEAD, *(f"{key}#{times}" if times > 1 else key for key, times in runs)))


def parse_key(key: str) -> tuple[str, ...]:
    """The block keys of a measurement's key, one for a block; InputError when it is neither."""
    first, *runs = key.split(";")
    if first != _HEAD:
        parse_block(key)
        return (key,)
    blocks: list[str] = []
    for run in runs:
        block, mark, times = run.partition("#")
        parse_block(block)
        if mark and not (times.isdecimal() and 1 < int(times) <= MAX_BLOCKS):
            raise InputError(f"{run!r} in {key!r} is no number of blocks")
        blocks += [block] * (int(times) if mark else 1)
    if not 0 < len(blocks) <= MAX_BLOCKS:
        raise InputError(f"{key!r} is a head of {len(blocks)} blocks; 1 to {MAX_BLOCKS} are possible")
    return tuple(blocks)


def _spec(text: str) -> TensorSpec:
    height, width, channels = (int(part) for part in text.split("x"))
    return TensorSpec(height, width, channels)
