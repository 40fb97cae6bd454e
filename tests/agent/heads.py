"""Head bundles around tiny real models; goldens come from the runtime itself."""

from __future__ import annotations

from contextlib import nullcontext

import msgspec
import numpy as np

from nasc_sdk.agent.install import Installer
from nasc_sdk.agent.machine import LocalMachine
from nasc_sdk.agent.options import Board, Options
from nasc_sdk.agent.slots import HeadStore
from nasc_sdk.bundle import Bundle, Manifest, Quantization, Side, sha256
from nasc_sdk.candidate import Candidate
from nasc_sdk.contract import Contract
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.runtime.select import open_runtime
from tests.support.tiny_models import conv_chain

SIZE, CHANNELS = 8, 4
SPEC = TensorSpec(SIZE, SIZE, CHANNELS)
KERNELS = Board.THIS_MACHINE.kernels
SCALE, ZERO_POINT = 0.05, 3


def head_bundle(
    seed=0, *, cut=2, model=None, golden_output=None, tolerance=1.0, side=Side.HEAD, scale=SCALE, arena=0
):
    if model is None:
        model = b"" if cut == 0 else conv_chain(1, CHANNELS, SIZE, seed=seed)
    given = np.random.default_rng(seed).integers(-128, 128, (1, SIZE, SIZE, CHANNELS)).astype(np.int8)
    if golden_output is None:
        golden_output = open_runtime().load(model, kernels=KERNELS).run(given).tobytes() if cut else b""
    quantization = Quantization(scale, ZERO_POINT)
    manifest = Manifest(
        side=side,
        contract=Contract(cut, SPEC, scale, ZERO_POINT, f"{seed:016x}"),
        candidate=Candidate("tiny", cut),
        cuts=4,
        input_shape=SPEC,
        input_quantization=Quantization(SCALE, ZERO_POINT),
        mean=(0.5,),
        std=(0.5,),
        classes=10,
        model_bytes=len(model),
        model_sha256=sha256(model),
        golden_input_bytes=given.nbytes,
        golden_input_sha256=sha256(given.tobytes()),
        golden_output_bytes=len(golden_output),
        golden_output_sha256=sha256(golden_output),
        golden_tolerance=tolerance,
        output_quantization=quantization,
        arena_bytes=arena,
    )
    return Bundle(manifest, model, given.tobytes(), golden_output)


def wrong_golden(seed):
    return head_bundle(seed, golden_output=bytes(SIZE * SIZE * CHANNELS))


def contract_of(blob):
    return Bundle.unpack(blob).manifest.contract.id


def installer_at(directory, *, store=HeadStore, **limits):
    options = Options("", "home", "pi", None, Board.THIS_MACHINE, directory)
    machine = LocalMachine(options, nullcontext)
    machine.capabilities = msgspec.structs.replace(machine.capabilities, **limits)
    return Installer(store(directory), machine)


def contracts(heads):
    return tuple(head.bundle.manifest.contract.id for head in heads)
