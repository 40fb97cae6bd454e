"""Catalogue: what every architecture of a space is made of, worked out once and kept in a file.

Building it walks the IR of each architecture (10 to 20 s for 15,284 cells). Cost models, links and accuracies
change afterwards, the catalogue does not: from it a candidate table takes a fraction of a second.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.cost.features import block_key
from nasc_sdk.durable import write_durably
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Block, TensorSpec
from nasc_search.export.simplify import simplify_block
from nasc_search.joint.memory import FILE_BYTES, BlockPlan, block_plan, head_bytes, model_bytes
from nasc_search.spaces.space import EnumerableSpace

_FORMAT: Final = "nasc-catalogue-3"
_REPORT_EVERY: Final = 500

_Facts = tuple[int, int, int]
"""Number of a block's key, number of its plan, file bytes."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Architectures x blocks; blocks are numbered by key, as they run: simplified for export."""

    space: str
    digest: str
    """Of the format, the space and its architectures."""
    archs: tuple[str, ...]
    block_keys: tuple[str, ...]
    """Latency-distinct blocks."""
    block_of: NDArray[np.int64]
    """[archs, blocks]: index into ``block_keys``."""
    cut_specs: tuple[TensorSpec, ...]
    """What crosses each cut, the same for all architectures."""
    arena_bytes: NDArray[np.int64]
    """[archs, cuts]: activations of the head."""
    flash_bytes: NDArray[np.int64]
    """[archs, cuts]: model file of the head."""

    @property
    def cuts(self) -> int:
        """Number of cuts, both ends included."""
        return len(self.cut_specs)

    def first_places(self) -> tuple[tuple[str, int], ...]:
        """For each block key the first (architecture, block index) that holds it."""
        _, first = np.unique(self.block_of, return_index=True)
        blocks = self.block_of.shape[1]
        return tuple((self.archs[flat // blocks], int(flat % blocks)) for flat in first.tolist())

    def only(self, rows: NDArray[np.bool_]) -> Catalogue:
        """The catalogue of some architectures, in their order; keeps the digest of the whole one."""
        used, block_of = np.unique(self.block_of[rows], return_inverse=True)
        return replace(
            self,
            archs=tuple(self.archs[row] for row in np.flatnonzero(rows).tolist()),
            block_keys=tuple(self.block_keys[number] for number in used.tolist()),
            block_of=block_of.reshape(-1, self.block_of.shape[1]),
            arena_bytes=self.arena_bytes[rows],
            flash_bytes=self.flash_bytes[rows],
        )


def space_digest(space: EnumerableSpace) -> str:
    """Digest of the format, the space's name and its architectures."""
    return catalogue_digest(space.name, space.archs)


def catalogue_digest(space: str, archs: Sequence[str]) -> str:
    """The same of some architectures of a space, by its name."""
    return hashlib.sha256("\n".join((_FORMAT, space, *archs)).encode()).hexdigest()


def build_catalogue(space: EnumerableSpace, progress: Callable[[int, int], None] | None = None) -> Catalogue:
    """Walk every architecture; ``progress`` is told (done, total) now and then.

    InputError when the architectures differ in the number of blocks or in the shapes at their cuts.
    """
    seen: dict[object, _Facts] = {}
    keys: dict[str, int] = {}
    plans: dict[BlockPlan, int] = {}
    rows: list[list[_Facts]] = []
    specs: tuple[TensorSpec, ...] = ()
    for done, arch in enumerate(space.archs):
        network = space.network(arch)
        cut_specs = tuple(network.cut_spec(cut) for cut in network.cuts)
        specs = specs or cut_specs
        if cut_specs != specs:
            raise InputError(f"{space.name}: {arch} has other cuts than {space.archs[0]}")
        rows.append([_describe(block, seen, keys, plans) for block in network.blocks])
        if progress is not None and done % _REPORT_EVERY == 0:
            progress(done, len(space.archs))
    if not rows:
        raise InputError(f"{space.name} holds no architecture")
    table = np.asarray(rows, np.int64)
    arena, flash = _arena_of_heads(table[:, :, 1], tuple(plans)), flash_of_heads(table[:, :, 2])
    return Catalogue(
        space.name, space_digest(space), tuple(space.archs), tuple(keys), table[:, :, 0], specs, arena, flash
    )


def save_catalogue(catalogue: Catalogue, path: Path) -> None:
    """Write an .npz; StorageError when the disk refuses."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        digest=_text([catalogue.digest]),
        space=_text([catalogue.space]),
        archs=_text(catalogue.archs),
        block_keys=_text(catalogue.block_keys),
        block_of=catalogue.block_of.astype(np.int32),
        cuts=np.asarray([(s.height, s.width, s.channels) for s in catalogue.cut_specs], np.int64),
        arena_bytes=catalogue.arena_bytes,
        flash_bytes=catalogue.flash_bytes,
    )
    write_durably(path, buffer.getvalue())


def load_catalogue(path: Path) -> Catalogue:
    """Read what :func:`save_catalogue` wrote; InputError when the file is anything else."""
    try:
        # From memory: numpy leaves a file open when it is no archive.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        return Catalogue(
            space=_lines(arrays["space"])[0],
            digest=_lines(arrays["digest"])[0],
            archs=_lines(arrays["archs"]),
            block_keys=_lines(arrays["block_keys"]),
            block_of=arrays["block_of"].astype(np.int64),
            cut_specs=tuple(TensorSpec(*spec) for spec in arrays["cuts"].tolist()),
            arena_bytes=arrays["arena_bytes"],
            flash_bytes=arrays["flash_bytes"],
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no catalogue: {error}") from error


def open_catalogue(
    space: EnumerableSpace, path: Path, progress: Callable[[int, int], None] | None = None
) -> Catalogue:
    """The stored catalogue when it is this space's, else a new one, stored at ``path``."""
    if path.exists():
        try:
            catalogue = load_catalogue(path)
        except InputError:
            catalogue = None
        if catalogue is not None and catalogue.digest == space_digest(space):
            return catalogue
    catalogue = build_catalogue(space, progress)
    save_catalogue(catalogue, path)
    return catalogue


def _describe(
    block: Block, seen: dict[object, _Facts], keys: dict[str, int], plans: dict[BlockPlan, int]
) -> _Facts:
    """Equal structures are worked out once."""
    ops = tuple(
        (op.kind, op.inputs, op.output, op.spec, op.kernel, op.stride, op.groups, op.activation) for op in block.ops
    )
    structure = (block.kind, block.input, block.output, ops)
    known = seen.get(structure)
    if known is None:
        block = simplify_block(block)
        number = keys.setdefault(block_key(block), len(keys))
        plan = plans.setdefault(block_plan(block), len(plans))
        known = seen[structure] = (number, plan, model_bytes(block))
    return known


def _arena_of_heads(numbers: NDArray[np.int64], plans: tuple[BlockPlan, ...]) -> NDArray[np.int64]:
    """[archs, cuts] from the plans [archs, blocks] of blocks; at cut 0 nothing."""
    different, row_of = np.unique(numbers, axis=0, return_inverse=True)
    arena = np.zeros((len(different), numbers.shape[1] + 1), np.int64)
    for row, of in enumerate(different.tolist()):
        blocks = [plans[number] for number in of]
        arena[row, 1:] = [head_bytes(blocks[:cut]) for cut in range(1, len(blocks) + 1)]
    return np.asarray(arena[row_of.reshape(-1)])


def flash_of_heads(models: NDArray[np.int64]) -> NDArray[np.int64]:
    """[archs, cuts] from the file bytes [archs, blocks] of blocks; at cut 0 nothing."""
    flash = np.zeros((models.shape[0], models.shape[1] + 1), np.int64)
    np.cumsum(models, axis=1, out=flash[:, 1:])
    flash[:, 1:] += FILE_BYTES
    return flash

def _text(lines: tuple[str, ...] | list[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def _lines(array: NDArray[np.uint8]) -> tuple[str, ...]:
    return tuple(array.tobytes().decode().split("\n"))
