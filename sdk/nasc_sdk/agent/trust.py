"""The rules of trust: what a board refuses before it runs a head. Values in, nothing or RefusedError out.

The order in which :mod:`.install` applies them is the cheapest first, and everything that reads bytes of unknown
origin before native code sees them:

Rule 1 (``stale_version``): versions only grow.
Rule 2 (``digest_mismatch``): the bytes are the ones that were announced.
Rule 3 (``bad_bundle``): they are a bundle whose parts have the stated lengths and digests.
Rule 4 (``wrong_side``, ``unsupported_encoding``): it is a head, and this agent can make of its output what the contract
        says is sent.
Rule 5 (``bad_bundle``, at cut 0 ``contract_mismatch``): images can be turned into the input that the manifest
        states. Nothing later looks at it before the head counts as installed.
Rule 6 (``too_large``): each head fits the board's memory; (``too_large_together``) and so do all that are held
        together: every loaded session keeps an arena of its own, whichever of them runs. (``too_large_beside_old``)
        The models also fit beside those of the heads that they replace, which stay on the disk until the new ones
        count. Arenas of replaced heads are not counted: they go with the switch, and a board whose limit is near its
        largest head could otherwise never be given another one.
Rule 7 (``not_a_model``): a child process loaded and ran the model (:mod:`nasc_sdk.runtime.check`).
Rule 8 (``contract_mismatch``): the model takes and gives the tensors that manifest and contract state.
Rule 9 (``golden_mismatch``): here, on this runtime, it gives the golden output for the golden input.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.bundle import Bundle, Manifest, Quantization, Side, sha256
from nasc_sdk.candidate import INT8
from nasc_sdk.codec import unsupported
from nasc_sdk.errors import (
    InputError,
    RefusedError,
    RemoteProtocolError,
)
from nasc_sdk.protocol.messages import Artifact, Capabilities
from nasc_sdk.refusal import TOO_LARGE_BESIDE_OLD, TOO_LARGE_TOGETHER
from nasc_sdk.runtime.base import Session, TensorInfo, require_int8

NOTHING: Final = -1
"""Version of a board that holds nothing."""
# Manifests carry double precision, models single.
_SCALE_PRECISION: Final = 1e-5


def is_same(held: int, held_digests: Sequence[str], version: int, digests: Sequence[str]) -> bool:
    """Whether the desired version is the held one (Rule 1); raises RefusedError when it is older, or the held
    version with other bundles.
    """  # fmt: skip
    if version < held:
        raise RefusedError("stale_version", f"version {version} is older than {held}, which is installed")
    if version == held and tuple(digests) != tuple(held_digests):
        raise RefusedError("stale_version", f"version {held} is installed already, with other bundles")
    return version == held


def check_announced(artifacts: Sequence[Artifact], capabilities: Capabilities) -> None:
    """Refuse before pulling: no head at all (``bad_bundle``), or one that is ``too_large``."""
    if not artifacts:
        raise RefusedError("bad_bundle", "a board needs at least one head, none is desired")
    for artifact in artifacts:
        _limit("bundle", artifact.size, capabilities.max_artifact_bytes)


def check_digest(data: bytes, digest: str) -> None:
    """Rule 2."""
    found = sha256(data)
    if found != digest:
        raise RefusedError("digest_mismatch", f"the bytes have digest {found[:12]}, not {digest[:12]}")


def open_head(data: bytes, capabilities: Capabilities) -> Bundle:
    """Rules 3 to 6: the bundle in the bytes, when this board may try it."""
    try:
        bundle = Bundle.unpack(data)
    except RemoteProtocolError as error:
        raise RefusedError("bad_bundle", str(error)) from error
    manifest = bundle.manifest
    if manifest.side is not Side.HEAD:
        raise RefusedError("wrong_side", f"this is a {manifest.side.value}, a board runs heads")
    if reason := unsupported(manifest.contract):
        raise RefusedError("unsupported_encoding", f"this agent does not encode {reason}")
    if manifest.all_local and manifest.contract.encoding != INT8:
        raise RefusedError("unsupported_encoding", f"nothing is sent, but encoded as {manifest.contract.encoding}")
    if manifest.contract.encoding.bits != INT8.bits and manifest.output_quantization is None:
        raise RefusedError("bad_bundle", "the head's output has no steps, which its codes are made from")
    if manifest.all_edge == bool(bundle.model):
        found = f"a head at cut {manifest.contract.cut} has {len(bundle.model)} bytes of model"
        raise RefusedError("bad_bundle", found)
    _check_input(manifest)
    _limit("arena", manifest.arena_bytes, capabilities.arena_bytes)
    # What it is counts, not only what it claims.
    _limit("model", max(manifest.flash_bytes, len(bundle.model)), capabilities.flash_bytes)
    return bundle


def check_tensors(manifest: Manifest, session: Session) -> None:
    """Rule 8; what the golden input cannot show: equal numbers under another scale."""
    try:
        require_int8(session, "the head")
    except InputError as error:
        raise RefusedError("contract_mismatch", str(error)) from error
    given, wanted = session.inputs[0], manifest.input_shape
    if given.shape != (1, wanted.height, wanted.width, wanted.channels):
        raise RefusedError("contract_mismatch", f"the head takes {given}, the manifest says {wanted}")
    contract, made = manifest.contract, session.outputs[0]
    if made.elements != contract.shape.elements:
        raise RefusedError("contract_mismatch", f"the head gives {made}, the contract says {contract.shape}")
    _same_steps("input", given, manifest.input_quantization)
    if contract.encoding.bits == INT8.bits:
        # Codes of 8 bits are what the head gives; others are made from it.
        _same_steps("output", made, Quantization(contract.scale, contract.zero_point))
    if manifest.output_quantization is not None:
        _same_steps("output", made, manifest.output_quantization)


def golden_input(bundle: Bundle, session: Session) -> NDArray[np.int8]:
    """The golden input as the model takes it; ``golden_mismatch`` when it is of another size."""
    info = session.inputs[0]
    if len(bundle.golden_input) != info.nbytes:
        raise RefusedError("golden_mismatch", f"the golden input has {len(bundle.golden_input)} bytes, not {info}")
    return np.frombuffer(bundle.golden_input, np.int8).reshape(info.shape)


def check_golden(bundle: Bundle, output: NDArray[np.int8]) -> int:
    """Rule 9; returns the largest difference, in steps."""
    if len(bundle.golden_output) != output.nbytes:
        raise RefusedError(
            "golden_mismatch",
            f"the head gives {output.nbytes} bytes, the golden output has {len(bundle.golden_output)}",
        )
    wanted = np.frombuffer(bundle.golden_output, np.int8).astype(np.int16)
    difference = int(np.abs(output.ravel().astype(np.int16) - wanted).max(initial=0))
    # Written so that a tolerance that is NaN refuses, too.
    if not difference <= bundle.manifest.golden_tolerance:
        reason = f"golden output is off by {difference} steps, allowed are {bundle.manifest.golden_tolerance:g}"
        raise RefusedError("golden_mismatch", reason)
    return difference


def _check_input(manifest: Manifest) -> None:
    """Rule 5."""
    spec, quantization, contract = manifest.input_shape, manifest.input_quantization, manifest.contract
    lengths = {len(manifest.mean), len(manifest.std)}
    steps = (*manifest.std, quantization.scale)
    usable = (
        min(spec.height, spec.width, spec.channels) > 0
        and lengths <= {1, spec.channels}
        and all(map(math.isfinite, (*manifest.mean, *steps)))
        and min(steps) > 0
        and -128 <= quantization.zero_point <= 127
    )
    if not usable:
        found = f"{spec}, {quantization}, mean {manifest.mean}, std {manifest.std}"
        raise RefusedError("bad_bundle", f"no image can be turned into this input: {found}")
    sent = Quantization(contract.scale, contract.zero_point)
    if manifest.all_edge and (spec, quantization) != (contract.shape, sent):
        reason = f"at cut 0 the input is sent: it is {spec}, {quantization}, stated are {contract.shape}, {sent}"
        raise RefusedError("contract_mismatch", reason)


def check_together(manifests: Collection[Manifest], capabilities: Capabilities) -> None:
    """Rule 6 for the heads that are held at once."""
    arenas = sum(manifest.arena_bytes for manifest in manifests)
    for what, size, most in (
        ("arenas", arenas, capabilities.arena_bytes),
        ("models", _models_bytes(manifests), capabilities.flash_bytes),
    ):
        if most and size > most:
            raise RefusedError(
                TOO_LARGE_TOGETHER, f"the {what} of {len(manifests)} heads need {size} bytes, the board has {most}"
            )


def check_beside(manifests: Collection[Manifest], capabilities: Capabilities) -> None:
    """Rule 6 for new heads and those that they replace, each counted once."""
    size, most = _models_bytes(manifests), capabilities.flash_bytes
    if most and size > most:
        raise RefusedError(
            TOO_LARGE_BESIDE_OLD, f"the models of old and new heads need {size} bytes, the board has {most}"
        )


def _models_bytes(manifests: Collection[Manifest]) -> int:
    return sum(max(manifest.flash_bytes, manifest.model_bytes) for manifest in manifests)


def _limit(what: str, size: int, most: int) -> None:
    if most and size > most:
        raise RefusedError("too_large", f"{what} of {size} bytes, this board has {most}")


def _same_steps(side: str, info: TensorInfo, stated: Quantization) -> None:
    same_scale = math.isclose(info.scale, stated.scale, rel_tol=_SCALE_PRECISION)
    if not same_scale or info.zero_point != stated.zero_point:
        raise RefusedError(
            "contract_mismatch",
            f"the head's {side} has scale {info.scale:g}, zero point {info.zero_point}; stated are "
            f"{stated.scale:g}, {stated.zero_point}",
        )
