"""Each rule of trust refuses with its code, without files, network or processes."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.agent import trust
from nasc_sdk.bundle import Bundle, Quantization, Side, sha256
from nasc_sdk.candidate import CutEncoding, Entropy
from nasc_sdk.errors import ArtifactError, InputError, RefusedError, StorageError, UnreachableError
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.profiling.conditions import read_conditions
from nasc_sdk.protocol.messages import Artifact, Capabilities
from nasc_sdk.refusal import code_of
from nasc_sdk.runtime.select import open_runtime
from tests.agent.heads import KERNELS, head_bundle
from tests.support.without_zstd import printed_without_zstd

CONDITIONS = read_conditions(open_runtime(), KERNELS, 1)
UNLIMITED = Capabilities(conditions=CONDITIONS)
GOOD = head_bundle()


def limits(**sizes):
    return Capabilities(conditions=CONDITIONS, **sizes)


def refused(call, *arguments):
    with pytest.raises(RefusedError) as caught:
        call(*arguments)
    return caught.value.code


def with_manifest(bundle, **changes):
    return Bundle(
        replace(bundle.manifest, **changes), bundle.model, bundle.golden_input, bundle.golden_output
    )


def test_versions_only_grow():
    assert not trust.is_same(1, ["a"], 2, ["b"])
    assert trust.is_same(1, ["a"], 1, ["a"])
    assert not trust.is_same(trust.NOTHING, [], 0, ["a"])
    assert refused(trust.is_same, 2, ["a"], 1, ["a"]) == "stale_version"
    assert refused(trust.is_same, 2, ["a"], 2, ["b"]) == "stale_version"


def test_what_is_announced():
    trust.check_announced([Artifact("0" * 64, 100)], UNLIMITED)
    assert refused(trust.check_announced, [], UNLIMITED) == "bad_bundle"
    small = limits(max_artifact_bytes=99)
    assert refused(trust.check_announced, [Artifact("0" * 64, 100)], small) == "too_large"


def test_digest():
    trust.check_digest(b"x", sha256(b"x"))
    assert refused(trust.check_digest, b"y", sha256(b"x")) == "digest_mismatch"


def test_a_good_head_opens():
    assert trust.open_head(GOOD.pack(), UNLIMITED) == GOOD
    assert trust.open_head(head_bundle(cut=0).pack(), UNLIMITED).manifest.all_edge


def test_damaged_bytes():
    data = GOOD.pack()
    for index in range(0, len(data), 97):
        damaged = data[:index] + bytes([data[index] ^ 0x40]) + data[index + 1 :]
        try:
            trust.open_head(damaged, UNLIMITED)
        except RefusedError as error:
            assert error.code in ("bad_bundle", "wrong_side", "unsupported_encoding", "too_large")
    for length in range(0, len(data), 61):
        assert refused(trust.open_head, data[:length], UNLIMITED) == "bad_bundle"


@pytest.mark.parametrize(
    ("bundle", "code"),
    [
        (head_bundle(side=Side.TAIL), "wrong_side"),
        (with_manifest(GOOD, contract=replace(GOOD.manifest.contract, cut=0)), "bad_bundle"),
        (head_bundle(model=b"", golden_output=b""), "bad_bundle"),
        (
            with_manifest(GOOD, contract=replace(GOOD.manifest.contract, encoding=CutEncoding(bits=3))),
            "unsupported_encoding",
        ),
    ],
)
def test_heads_that_are_none_of_ours(bundle, code):
    assert refused(trust.open_head, bundle.pack(), UNLIMITED) == code


def test_a_head_whose_coding_is_not_installed(tmp_path):
    contract = replace(GOOD.manifest.contract, encoding=CutEncoding(entropy=Entropy.ZSTD))
    bundle = with_manifest(GOOD, contract=contract)
    assert trust.open_head(bundle.pack(), UNLIMITED) == bundle
    (tmp_path / "head").write_bytes(bundle.pack())
    code = (
        "from pathlib import Path\n"
        "from nasc_sdk.agent import trust\n"
        "from nasc_sdk.errors import RefusedError\n"
        "from nasc_sdk.profiling.conditions import read_conditions\n"
        "from nasc_sdk.protocol.messages import Capabilities\n"
        "from nasc_sdk.runtime.select import open_runtime\n"
        "from tests.agent.heads import KERNELS\n"
        "board = Capabilities(conditions=read_conditions(open_runtime(), KERNELS, 1))\n"
        "try: trust.open_head(Path(sys.argv[1]).read_bytes(), board)\n"
        "except RefusedError as error: print(error.code, error)\n"
    )
    said = printed_without_zstd(code, tmp_path / "head")
    assert said.startswith("unsupported_encoding")
    assert "nasc-sdk[zstd]" in said


@pytest.mark.parametrize("cut", [0, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {"mean": (0.5, 0.5)},
        {"mean": ()},
        {"mean": (float("inf"),)},
        {"std": ()},
        {"std": (0.5,) * 5},
        {"std": (0.0,)},
        {"std": (0.5, 0.5, 0.5, -0.5)},
        {"input_quantization": Quantization(0.0, 3)},
        {"input_quantization": Quantization(0.05, 128)},
        {"input_shape": TensorSpec(0, 8, 4)},
    ],
)
def test_inputs_that_no_image_can_be_turned_into(cut, changes):
    """Found out only when the head is used, it would end the agent at every start."""
    bundle = with_manifest(head_bundle(cut=cut), **changes)
    assert refused(trust.open_head, bundle.pack(), UNLIMITED) == "bad_bundle"


@pytest.mark.parametrize(
    "changes", [{"input_shape": TensorSpec(9, 8, 4)}, {"input_quantization": Quantization(0.05, 4)}]
)
def test_at_cut_0_the_input_is_what_the_contract_says(changes):
    bundle = with_manifest(head_bundle(cut=0), **changes)
    assert refused(trust.open_head, bundle.pack(), UNLIMITED) == "contract_mismatch"


def test_memory():
    data = head_bundle(arena=1000).pack()
    trust.open_head(data, limits(arena_bytes=1000, flash_bytes=len(GOOD.model)))
    assert refused(trust.open_head, data, limits(arena_bytes=999)) == "too_large"
    assert refused(trust.open_head, data, limits(flash_bytes=len(GOOD.model) - 1)) == "too_large"


def test_tensors():
    session = open_runtime().load(GOOD.model, kernels=KERNELS)
    manifest = GOOD.manifest
    trust.check_tensors(manifest, session)
    for changes in (
        {"contract": replace(manifest.contract, scale=0.06)},
        {"contract": replace(manifest.contract, zero_point=4)},
        {"contract": replace(manifest.contract, shape=replace(manifest.contract.shape, channels=5))},
        {"input_shape": replace(manifest.input_shape, height=9)},
        {"input_quantization": Quantization(0.05, 4)},
        {"output_quantization": Quantization(0.051, 3)},
    ):
        assert refused(trust.check_tensors, replace(manifest, **changes), session) == "contract_mismatch"


@pytest.mark.parametrize(
    ("off", "tolerance", "good"), [(0, 0, True), (2, 2, True), (2, 1, False), (0, float("nan"), False)]
)
def test_golden(off, tolerance, good):
    bundle = with_manifest(GOOD, golden_tolerance=tolerance)
    output = np.frombuffer(GOOD.golden_output, np.int8).copy()
    output[5] += off if output[5] < 100 else -off
    if good:
        assert trust.check_golden(bundle, output) == off
    else:
        assert refused(trust.check_golden, bundle, output) == "golden_mismatch"
    assert refused(trust.check_golden, bundle, output[1:]) == "golden_mismatch"


def test_golden_input_of_another_size():
    session = open_runtime().load(GOOD.model, kernels=KERNELS)
    short = Bundle(GOOD.manifest, GOOD.model, GOOD.golden_input[1:], GOOD.golden_output)
    assert refused(trust.golden_input, short, session) == "golden_mismatch"


def test_codes():
    errors = [
        (RefusedError("x", ""), "x"),
        (ArtifactError("0" * 64, ""), "digest_mismatch"),
        (StorageError("", "", full=True), "disk_full"),
        (UnreachableError("", ""), "unreachable"),
        (InputError(""), "bad_bundle"),
    ]
    assert [code_of(error) for error, _ in errors] == [code for _, code in errors]
