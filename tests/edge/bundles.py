"""Tail bundles around tiny real models; goldens come from the runtime itself."""

from __future__ import annotations

import numpy as np

from nasc_sdk.bundle import Bundle, Manifest, Quantization, Side, sha256
from nasc_sdk.candidate import Candidate, CutEncoding
from nasc_sdk.contract import Contract
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from tests.support.tiny_models import conv_chain

SCALE, ZERO_POINT = 0.05, 3


def contract_of(*, size=8, channels=4, seed=0, encoding=None):
    return Contract(
        2, TensorSpec(size, size, channels), SCALE, ZERO_POINT, f"{seed:016x}", encoding or CutEncoding()
    )


def real_values(payload, *, size=8, channels=4):
    stored = np.frombuffer(payload, np.int8).reshape(-1, size, size, channels)
    return ((stored.astype(np.float32) - ZERO_POINT) * np.float32(SCALE)).astype(np.float32)


def payload_of(count=1, *, size=8, channels=4, seed=0):
    return (
        np.random.default_rng(seed)
        .integers(-128, 128, count * size * size * channels)
        .astype(np.int8)
        .tobytes()
    )


def expected_logits(model, payload, *, size=8, channels=4):
    session = open_runtime().load(model, kernels=Kernels.BUILTIN)
    return np.stack(
        [session.run(cut[None]).ravel() for cut in real_values(payload, size=size, channels=channels)]
    )


def tail_bundle(
    *, seed=0, size=8, channels=4, layers=1, side=Side.TAIL, model=None, golden_output=None, tolerance=1e-3,
    encoding=None,
):  # fmt: skip
    model = model or conv_chain(layers, channels, size, seed=seed, quantized=False)
    golden_input = payload_of(seed=seed + 1, size=size, channels=channels)
    if golden_output is None:
        golden_output = (
            expected_logits(model, golden_input, size=size, channels=channels).astype("<f4").tobytes()
        )
    contract = contract_of(size=size, channels=channels, seed=seed, encoding=encoding)
    manifest = Manifest(
        side=side,
        contract=contract,
        candidate=Candidate("tiny", contract.cut),
        cuts=4,
        input_shape=TensorSpec(28, 28, 1),
        input_quantization=Quantization(0.01, 0),
        mean=(0.5,),
        std=(0.5,),
        classes=size * size * channels,
        model_bytes=len(model),
        model_sha256=sha256(model),
        golden_input_bytes=len(golden_input),
        golden_input_sha256=sha256(golden_input),
        golden_output_bytes=len(golden_output),
        golden_output_sha256=sha256(golden_output),
        golden_tolerance=tolerance,
    )
    return Bundle(manifest, model, golden_input, golden_output)
