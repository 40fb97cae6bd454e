"""A bundle: what is packed comes back, and no byte of it can be changed, cut off or added unseen."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasc_sdk.bundle import MAGIC, MAX_MANIFEST_BYTES, Bundle, Manifest, Quantization, Side, sha256
from nasc_sdk.candidate import Candidate, CutEncoding, Entropy
from nasc_sdk.contract import Contract
from nasc_sdk.errors import RemoteProtocolError
from nasc_sdk.ir.network import TensorSpec

PARTS = (b"a model, any bytes", bytes(range(16)), bytes(range(16, 24)))


def bundle(parts=PARTS, **changes):
    model, golden_input, golden_output = parts
    encoding = CutEncoding(bits=4, bottleneck=2, entropy=Entropy.ZLIB)
    manifest = Manifest(
        side=Side.HEAD,
        contract=Contract(2, TensorSpec(7, 7, 32), 0.1, -3, "0123456789abcdef", encoding),
        candidate=Candidate("|nor_conv_3x3~0|+|none~0|skip~1|", 2, encoding),
        cuts=5,
        input_shape=TensorSpec(28, 28, 1),
        input_quantization=Quantization(1 / 3, 4),
        mean=(0.286,),
        std=(0.353,),
        classes=10,
        model_bytes=len(model),
        model_sha256=sha256(model),
        golden_input_bytes=len(golden_input),
        golden_input_sha256=sha256(golden_input),
        golden_output_bytes=len(golden_output),
        golden_output_sha256=sha256(golden_output),
        golden_tolerance=2.0,
        output_quantization=Quantization(0.1, -3),
        arena_bytes=1234,
        flash_bytes=len(model),
    )
    return Bundle(replace(manifest, **changes), *parts)


DATA = bundle().pack()
START = len(MAGIC) + 4
MANIFEST_BYTES = int.from_bytes(DATA[len(MAGIC) : START], "big")


def with_manifest(document):
    return MAGIC + len(document).to_bytes(4, "big") + document + b"".join(PARTS)


def refused(data):
    with pytest.raises(RemoteProtocolError) as caught:
        Bundle.unpack(data)
    return caught.value.reason


@settings(max_examples=50, deadline=None)
@given(st.tuples(st.binary(max_size=300), st.binary(max_size=50), st.binary(max_size=50)))
def test_round_trip(parts):
    packed = bundle(parts).pack()
    assert Bundle.unpack(packed) == bundle(parts)
    assert Bundle.unpack(packed).pack() == packed


def test_every_truncation_is_seen():
    for length in range(len(DATA)):
        refused(DATA[:length])


def test_more_bytes_are_seen():
    assert "1 bytes follow" in refused(DATA + b"\0")


def test_every_flipped_bit_of_the_parts_is_seen():
    for index in range(START + MANIFEST_BYTES, len(DATA)):
        for bit in range(8):
            damaged = DATA[:index] + bytes([DATA[index] ^ 1 << bit]) + DATA[index + 1 :]
            assert "that the manifest states" in refused(damaged)


def test_every_flipped_byte_before_them_is_refused_or_another_manifest():
    """Whether the manifest is the announced one, only the artifact's own digest says."""
    for index in range(START + MANIFEST_BYTES):
        damaged = DATA[:index] + bytes([DATA[index] ^ 1]) + DATA[index + 1 :]
        try:
            assert Bundle.unpack(damaged).manifest != bundle().manifest
        except RemoteProtocolError:
            continue


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_garbage_is_refused(data):
    for candidate in (data, MAGIC + data, with_manifest(data)):
        refused(candidate)


@pytest.mark.parametrize("document", [b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 60_000, b'{"side":"middle"}'])
def test_documents_that_are_no_manifest(document):
    assert refused(with_manifest(document)).startswith("manifest")


@pytest.mark.parametrize("name", ["model_bytes", "golden_input_bytes", "golden_output_bytes"])
@pytest.mark.parametrize("size", [-1, 0, 10**12, 1.5, "18"])
def test_lengths_that_are_none_of_the_parts(name, size):
    document = json.loads(DATA[START : START + MANIFEST_BYTES])
    assert document[name] != size
    document[name] = size
    refused(with_manifest(json.dumps(document).encode()))


def test_a_manifest_that_is_too_large_is_not_even_parsed():
    length = MAX_MANIFEST_BYTES + 1
    assert refused(with_manifest(b" " * length)) == f"manifest of {length} bytes does not fit"


def test_the_ends_of_the_network():
    def at(cut):
        manifest = bundle().manifest
        return replace(manifest, contract=replace(manifest.contract, cut=cut))

    assert [(at(cut).all_edge, at(cut).all_local) for cut in (0, 2, 5)] == [
        (True, False),
        (False, False),
        (False, True),
    ]
