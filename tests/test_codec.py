"""Payloads of a cut: what is packed comes back, and what strangers send is refused without being expanded."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk import zstd
from nasc_sdk.agent.quantize import CutEncoder
from nasc_sdk.bundle import Quantization
from nasc_sdk.candidate import CutEncoding, Entropy
from nasc_sdk.codec import CutCodec, unsupported
from nasc_sdk.contract import Contract
from nasc_sdk.errors import RemoteProtocolError
from nasc_sdk.ir.network import TensorSpec
from tests.support.without_zstd import printed_without_zstd

MADE = Quantization(0.02, -128)
"""Of a head's output after a ReLU: 0 to 5.1."""


def contract_of(bits=4, channels=4, size=7, entropy=Entropy.NONE, bottleneck=0):
    scale, zero_point = (MADE.scale, MADE.zero_point) if bits == 8 else (5.1 / ((1 << bits) - 1), 0)
    encoding = CutEncoding(bits, bottleneck, entropy)
    return Contract(2, TensorSpec(size, size, channels), scale, zero_point, "0123456789abcdef", encoding)


@pytest.mark.parametrize("entropy", list(Entropy))
@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize(("size", "channels"), [(7, 4), (7, 1), (1, 3)])
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_decoded_is_the_nearest_code(entropy, bits, size, channels, count):
    contract = contract_of(bits, channels, size, entropy)
    stored = np.random.default_rng(bits).integers(-128, 128, (count, size, size, channels)).astype(np.int8)
    payload = CutEncoder(contract, MADE)(stored)
    codec = CutCodec(contract)
    assert codec.fits(len(payload), count)
    if entropy is Entropy.NONE:
        assert len(payload) == count * contract.encoding.payload_bytes(contract.shape)
        assert not codec.fits(len(payload) + 1, count)
    real = (stored.astype(np.float64) - MADE.zero_point) * MADE.scale
    decoded = codec.decode(payload, count)
    assert decoded.shape == stored.shape
    assert decoded.dtype == np.float32
    assert np.abs(decoded - real).max() <= 0.5 * contract.scale * (bits != 8) + 1e-6


def test_the_first_code_is_in_the_lowest_bits():
    codes = np.asarray([1, 2, 3, 4, 5], np.uint8)
    contract = replace(contract_of(4), shape=TensorSpec(1, 1, 5))
    assert CutCodec(contract).pack(codes) == bytes([0x21, 0x43, 0x05])
    pairs = np.asarray([1, 2, 3, 0, 2], np.uint8)
    contract = replace(contract_of(2), shape=TensorSpec(1, 1, 5))
    assert CutCodec(contract).pack(pairs) == bytes([0b00111001, 0b10])


def test_values_beyond_the_codes_are_clipped():
    contract = replace(contract_of(2), scale=1.0, zero_point=1)
    table = CutCodec(contract).table(0.1, 0)
    assert table[0] == 0
    assert table[255] == 3
    assert table[128] == 1


@pytest.mark.parametrize("entropy", list(Entropy))
def test_every_truncation_is_refused(entropy):
    contract = contract_of(entropy=entropy)
    stored = np.random.default_rng(0).integers(-128, 128, (1, 7, 7, 4)).astype(np.int8)
    payload = CutEncoder(contract, MADE)(stored)
    for end in range(len(payload)):
        with pytest.raises(RemoteProtocolError):
            CutCodec(contract).decode(payload[:end], 1)
    with pytest.raises(RemoteProtocolError):
        CutCodec(contract).decode(payload + b"\0", 1)
    with pytest.raises(RemoteProtocolError):
        CutCodec(contract).decode(payload, 2)


@pytest.mark.parametrize(
    ("entropy", "bomb"),
    [(Entropy.ZLIB, zlib.compress(bytes(100 << 20), 9)), (Entropy.ZSTD, zstd.compress(bytes(100 << 20)))],
)
def test_a_bomb_is_not_expanded(entropy, bomb):
    contract = contract_of(entropy=entropy)
    with pytest.raises(RemoteProtocolError, match=r"more|104857600"):
        CutCodec(contract).decode(bomb, 1)
    assert not CutCodec(contract).fits(len(bomb), 1)


@pytest.mark.parametrize("entropy", [Entropy.ZLIB, Entropy.ZSTD])
def test_noise_does_not_outgrow_the_bound(entropy):
    contract = contract_of(8, channels=64, size=128, entropy=entropy)
    stored = np.random.default_rng(0).integers(-128, 128, (1, 128, 128, 64)).astype(np.int8)
    payload = CutEncoder(contract, MADE)(stored)
    assert len(payload) > stored.size
    assert CutCodec(contract).fits(len(payload), 1)


@pytest.mark.parametrize(
    "contract",
    [
        replace(contract_of(), encoding=CutEncoding(bits=3)),
        contract_of(bottleneck=2),
        replace(contract_of(), scale=0.0),
        replace(contract_of(), scale=float("nan")),
        replace(contract_of(), zero_point=-1),
        replace(contract_of(2), zero_point=4),
    ],
)
def test_what_cannot_be_is_said(contract):
    assert unsupported(contract)
    with pytest.raises(ValueError, match=r"bits|bottleneck|scale"):
        CutCodec(contract)


def test_a_coding_that_is_not_installed_is_said():
    code = (
        "from dataclasses import replace\n"
        "from nasc_sdk.candidate import CutEncoding, Entropy\n"
        "from nasc_sdk.codec import unsupported\n"
        "from nasc_sdk.contract import Contract\n"
        "from nasc_sdk.ir.network import TensorSpec\n"
        "cut = Contract(1, TensorSpec(7, 7, 4), 0.1, 0, '')\n"
        "for coding in Entropy:\n"
        "    print(coding.value, unsupported(replace(cut, encoding=CutEncoding(entropy=coding))))\n"
    )
    zstd_alone = "zstd without it being installed; run: pip install 'nasc-sdk[zstd]'"
    assert printed_without_zstd(code).splitlines() == ["none ", "zlib ", f"zstd {zstd_alone}"]
