"""Heads and tails for every cut, checked the way that board and server check them."""

import numpy as np
import pytest
import torch

from nasc_edge.tails import LitertTail, check_golden
from nasc_sdk.agent.quantize import CutEncoder
from nasc_sdk.bundle import Bundle, Side
from nasc_sdk.candidate import INT8, Candidate, CutEncoding
from nasc_sdk.codec import CutCodec
from nasc_sdk.errors import InputError
from nasc_sdk.runtime.base import Kernels
from nasc_sdk.runtime.select import open_runtime
from nasc_search.encodings.blocks import ENCODINGS, fits
from nasc_search.export import integer_reference
from nasc_search.export.forms import Form
from nasc_search.service.bundles import Bundles, make_bundles
from nasc_search.service.target import Target
from nasc_search.service.workshop import Workshop
from nasc_search.supernet.model import Supernet
from tests.service.shops import shop, some_archs
from tests.supernet.tasks import DENSE_CELL, SPACE, task

CUTS = SPACE.network(DENSE_CELL).cuts
TARGETS = {
    "xnnpack": (Target(Form.XNNPACK, integer_reference.Kernels.XNNPACK, 2), Kernels.XNNPACK),
    "reference": (Target(Form.BUILTIN, integer_reference.Kernels.REFERENCE, 2), Kernels.REFERENCE),
    "builtin": (Target(Form.BUILTIN, integer_reference.Kernels.REFERENCE, 8), Kernels.BUILTIN),
}


ENCODED = [
    (cut, encoding)
    for cut in CUTS
    for encoding in ENCODINGS
    if fits(encoding, cut, CUTS[-1], SPACE.network(DENSE_CELL).cut_spec(cut))
]


def make(arch, cut, target, encoding=INT8):
    encoded = shop().encode(Candidate(arch, cut, encoding))
    head, tail = make_bundles(encoded, shop().dataset, shop().sample_image(), target)
    # As they arrive.
    return encoded, Bundle.unpack(head.pack()), tail and Bundle.unpack(tail.pack())


@pytest.mark.parametrize(("cut", "encoding"), ENCODED)
@pytest.mark.parametrize("kernels", TARGETS)
@pytest.mark.parametrize("arch", [DENSE_CELL, *some_archs(1, 7)])
def test_goldens_pass_on_the_real_runtimes(arch, cut, encoding, kernels):
    target, chosen = TARGETS[kernels]
    _, head, tail = make(arch, cut, target, encoding)
    manifest, runtime = head.manifest, open_runtime()
    at_cut = head.golden_input
    if cut:
        session = runtime.load(head.model, kernels=chosen)
        assert session.outputs[0].scale == pytest.approx(manifest.output_quantization.scale)
        given = np.frombuffer(head.golden_input, np.int8).reshape(session.inputs[0].shape)
        found = session.run(given).astype(np.int64).ravel()
        wanted = np.frombuffer(head.golden_output, np.int8).astype(np.int64)
        assert np.abs(found - wanted).max() <= manifest.golden_tolerance
        at_cut = head.golden_output
    if tail is not None:
        manifest = head.manifest
        made = np.frombuffer(at_cut, np.int8)
        assert tail.golden_input == CutEncoder(manifest.contract, manifest.output_quantization)(made)
        check_golden(tail, LitertTail(tail.model, tail.manifest.contract, runtime))


@pytest.mark.parametrize("cut", CUTS)
def test_both_sides_carry_one_contract(cut):
    encoded, head, tail = make(DENSE_CELL, cut, TARGETS["xnnpack"][0])
    contract = encoded.contract
    assert head.manifest.contract == contract
    assert contract.shape == encoded.network.cut_spec(cut)
    assert (tail is None) == (cut == CUTS[-1])
    if tail is not None:
        assert tail.manifest.contract == contract
        assert tail.manifest.side is Side.TAIL
        assert tail.manifest.output_quantization is None
    assert head.manifest.side is Side.HEAD
    assert head.manifest.all_local == (cut == CUTS[-1])
    assert head.manifest.all_edge == (cut == 0)
    assert head.manifest.candidate.cut == cut


def test_cut_zero_sends_the_quantized_image():
    _, head, tail = make(DENSE_CELL, 0, TARGETS["xnnpack"][0])
    assert head.model == head.golden_output == b""
    assert head.manifest.arena_bytes == head.manifest.flash_bytes == 0
    real = CutCodec(tail.manifest.contract).decode(head.golden_input, 1).transpose(0, 3, 1, 2)
    assert np.abs(real - shop().sample_image()).max() <= head.manifest.input_quantization.scale * 0.51


def test_memory_grows_with_the_head():
    heads = [make(DENSE_CELL, cut, TARGETS["xnnpack"][0])[1].manifest for cut in CUTS]
    assert [head.flash_bytes for head in heads] == sorted(head.flash_bytes for head in heads)
    assert [head.arena_bytes for head in heads] == sorted(head.arena_bytes for head in heads)
    assert all(head.flash_bytes == head.model_bytes for head in heads)


def test_contracts_differ_by_cut_and_by_network():
    archs = (DENSE_CELL, *some_archs(1, 7))
    contracts = {shop().encode(Candidate(arch, *place)).contract.id for arch in archs for place in ENCODED}
    assert len(contracts) == len(archs) * len(ENCODED)


@pytest.mark.parametrize(("cut", "encoding"), [(0, CutEncoding(4)), (CUTS[-1], CutEncoding(4)), (1, CutEncoding(4, 3)),
                                               (99, INT8), (2, CutEncoding(4, 8))])  # fmt: skip
def test_encodings_that_do_not_exist_are_refused(cut, encoding):
    with pytest.raises(InputError, match=f"cut {cut}"):
        shop().encode(Candidate(DENSE_CELL, cut, encoding))


def test_a_supernet_without_encoders_says_so():
    plain = Workshop(Supernet(SPACE, 4), task())
    assert plain.encode(Candidate(DENSE_CELL, 1, CutEncoding(4))).contract.encoding.bits == 4
    with pytest.raises(InputError, match="without encoders"):
        plain.encode(Candidate(DENSE_CELL, 1, CutEncoding(4, 2)))


def test_the_tails_logits_are_the_float_networks():
    """Through the int8 cut: close to the float network on the same image, not equal."""
    encoded, _, tail = make(DENSE_CELL, 2, TARGETS["xnnpack"][0])
    whole = encoded.folded(torch.from_numpy(shop().sample_image())).numpy().ravel()
    logits = np.frombuffer(tail.golden_output, "<f4")
    assert np.abs(logits - whole).max() < 0.25 * np.abs(whole).max()


def test_what_was_made_once_is_kept_for_its_runtime_and_weights():
    made = Bundles(shop().dataset, shop().sample_image())
    encoded = shop().encode(Candidate(DENSE_CELL, 2))
    (reference, _), (other, _) = TARGETS["reference"], TARGETS["xnnpack"]
    first = made.of(encoded, reference)
    assert made.of(shop().encode(Candidate(DENSE_CELL, 2)), reference) is first
    assert made.of(encoded, other)[0].model != first[0].model
    for cut in CUTS[3:]:
        for target in (reference, other):
            made.of(shop().encode(Candidate(DENSE_CELL, cut)), target)
    assert made.of(encoded, reference) is not first, "only the newest few are kept"
