"""A candidate as plain files, for who runs head and tail without board agent, broker and service.

Raw arrays come as .npy of batch 1, so that ``nasc-sdk infer`` and any TFLite runtime take them as they are.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from nasc_sdk.bundle import Bundle, Manifest
from nasc_sdk.candidate import Candidate
from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import InputError, StorageError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.export.forms import Form
from nasc_search.pretrained.load import Pretrained
from nasc_search.service.bundles import make_bundles
from nasc_search.service.target import EXACT, FASTEST
from nasc_search.service.workshop import Workshop

HEAD, TAIL, ABOUT, GIVEN, WANTED = "head.tflite", "tail.tflite", "contract.json", "input.npy", "output.npy"
_TARGETS: Final = {target.form: target for target in (EXACT, FASTEST)}


class Exported(msgspec.Struct, frozen=True):
    """What was written, as ``--json`` tells it."""

    candidate: Candidate
    accuracy: float
    """0..1, on the validation images."""
    head_bytes: int
    tail_bytes: int
    arena_bytes: int
    """Of the head's activations, as the exporter plans them."""
    payload_bytes: int
    """What crosses the cut, before entropy coding; the logits where all is on the board."""
    files: tuple[str, ...]


def most_accurate(trained: Pretrained) -> str:
    """Of the architectures that were evaluated, with weights of their own where they have them."""
    known = trained.evaluated | {key: value for key, value in trained.own_accuracy.items() if key in trained.evaluated}
    if not known:
        raise InputError("no sub-network was evaluated; name one with --arch")
    return max(known, key=lambda arch: (known[arch], arch))


def export_candidate(workshop: Workshop, candidate: Candidate, form: Form, folder: Path) -> Exported:
    """Write head and tail, one input with the head's output for it, and what the two agree on.

    InputError for an unknown architecture, cut or encoding, and for cut 0, which has no head; StorageError when the
    disk refuses.
    """
    if candidate.cut == 0:
        raise InputError("cut 0 has no head: the raw input crosses; name a cut of 1 or more")
    encoded = workshop.encode(candidate)
    head, tail = make_bundles(encoded, workshop.dataset, workshop.sample_image(), _TARGETS[form])
    crossing = encoded.contract.shape
    files = {
        HEAD: head.model,
        GIVEN: _npy(head.golden_input, head.manifest.input_shape),
        WANTED: _npy(head.golden_output, crossing),
        ABOUT: _about(head, tail),
    }
    if tail is not None:
        files[TAIL] = tail.model
    make_directory(folder)
    if tail is None:
        # One of an earlier candidate would pass for this one's.
        _remove(folder / TAIL)
    for name, data in files.items():
        write_durably(folder / name, data)
    return Exported(
        candidate, workshop.accuracy(candidate), len(head.model), len(tail.model) if tail else 0,
        head.manifest.arena_bytes, candidate.encoding.payload_bytes(crossing), tuple(sorted(files)),
    )  # fmt: skip


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError.of(path, error) from error


def _npy(data: bytes, spec: TensorSpec) -> bytes:
    array: NDArray[np.int8] = np.frombuffer(data, np.int8).reshape(1, spec.height, spec.width, spec.channels)
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _about(head: Bundle, tail: Bundle | None) -> bytes:
    manifests: dict[str, Manifest] = {"head": head.manifest} | ({"tail": tail.manifest} if tail else {})
    return msgspec.json.format(msgspec.json.encode(manifests), indent=2) + b"\n"
