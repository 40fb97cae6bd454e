import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from nasc_sdk.candidate import INT8, Candidate, CutEncoding, Entropy
from nasc_sdk.cost.coding import ASSUMED, Step, StepTime
from nasc_sdk.cost.features import block_key
from nasc_sdk.cost.model import predict_blocks, predict_heads, spread_us
from nasc_sdk.errors import InputError
from nasc_sdk.link.link import Link
from nasc_search.accuracy.keys import accuracy_key, parse_accuracy_key
from nasc_search.encodings.blocks import encoder_block
from nasc_search.joint.build import build_table
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search
from nasc_search.joint.explain import explain
from tests.joint.catalogues import catalogue, random_accuracy


def test_every_entry_is_the_models_prediction(models):
    board, edge = models
    table = build_table(catalogue(), board, edge, random_accuracy(1))
    assert table.size == len(catalogue().archs) * catalogue().cuts
    for row in range(0, len(table.archs), 67):
        keys = [catalogue().block_keys[number] for number in catalogue().block_of[row]]
        heads = predict_heads(board, [keys[:cut] for cut in range(table.cuts)])
        tails = predict_heads(edge, [keys[cut:] for cut in range(table.cuts)])
        assert table.head_ms[row] == pytest.approx(heads.us / 1000)
        assert table.tail_ms[row] == pytest.approx(tails.us / 1000)
        assert table.head_sd_ms[row] == pytest.approx(spread_us(board, heads) / 1000)
        assert table.tail_sd_ms[row] == pytest.approx(spread_us(edge, tails) / 1000)
    assert (table.head_ms[:, 0] == 0).all()
    assert (table.tail_ms[:, -1] == 0).all()


def test_encodings_keep_their_axis_and_the_raw_input_is_never_encoded(models):
    codes = (INT8, CutEncoding(bits=4), CutEncoding(bottleneck=2))
    table = build_table(catalogue(), *models, random_accuracy(1), codes)
    specs = catalogue().cut_specs
    assert table.payload_bytes[2].tolist() == [codes[n].payload_bytes(specs[2]) for n in range(3)]
    assert table.legal[0].tolist() == table.legal[-1].tolist() == [True, False, False]
    assert table.legal[1:-1].all()
    assert (table.coding.head_ms[:, 0] == 0).all()
    assert (table.coding.head_ms[1:-1, 1:] > 0).all()
    encoder = encoder_block(2, specs[2], 2)
    head = predict_blocks(models[0], (block_key(encoder),)).us[0] / 1000
    assert table.coding.head_ms[2, 2] == pytest.approx(head)
    assert table.coding.arena_bytes[2, 2] >= specs[2].elements + encoder.output_spec.elements


def test_deflating_is_charged_with_what_it_saved(models):
    codes = (INT8, CutEncoding(entropy=Entropy.ZLIB))
    shares = {(0, codes[1]): 0.5, (1, codes[1]): 0.7, (2, CutEncoding(entropy=Entropy.ZSTD)): 0.1}
    table = build_table(catalogue(), *models, random_accuracy(1), codes, shares=shares)
    assert table.legal[0].all()
    assert table.payload_bytes[:3, 1].tolist() == [
        math.ceil(share * spec.elements) for share, spec in zip((0.5, 0.7, 1.0), catalogue().cut_specs, strict=False)
    ]
    assert (table.coding.head_ms[:-1, 1] > 0).all()
    assert (table.coding.tail_ms[:-1, 1] < table.coding.head_ms[:-1, 1]).all()


def test_entropy_coding_behind_a_bottleneck_has_a_share_of_its_own(models):
    narrow = CutEncoding(4, 2)
    codes = (INT8, narrow, replace(narrow, entropy=Entropy.ZLIB))
    wide = CutEncoding(4, entropy=Entropy.ZLIB)
    table = build_table(catalogue(), *models, random_accuracy(1), codes, shares={(2, codes[2]): 0.5, (2, wide): 0.1})
    packed = narrow.payload_bytes(catalogue().cut_specs[2])
    assert table.payload_bytes[2].tolist()[1:] == [packed, math.ceil(packed / 2)]
    deflating, inflating = (1e-3 * ASSUMED[step].us(packed) for step in (Step.DEFLATE, Step.INFLATE))
    assert table.coding.head_ms[2, 2] - table.coding.head_ms[2, 1] == pytest.approx(deflating)
    assert table.coding.tail_ms[2, 2] - table.coding.tail_ms[2, 1] == pytest.approx(inflating)
    assert table.coding.arena_bytes[2, 2] == table.coding.arena_bytes[2, 1] > 0


def test_coding_takes_what_was_measured_on_each_side(models):
    board, edge = models
    codes = (INT8, CutEncoding(4), CutEncoding(4, entropy=Entropy.ZSTD))
    board = replace(board, coding=(
        StepTime(Step.PACK_8, 1.0, 0.0), StepTime(Step.PACK_4, 101.0, 0.5), StepTime(Step.ZSTD, 200.0, 0.25),
    ))  # fmt: skip
    edge = replace(edge, coding=(StepTime(Step.UNPACK_8, 9.0, 0.0), StepTime(Step.UNPACK_4, 4.0, 0.0)))
    table = build_table(catalogue(), board, edge, random_accuracy(1), codes)
    values = catalogue().cut_specs[2].elements
    packing = 100 + 0.5 * values
    assert 1000 * table.coding.head_ms[2] == pytest.approx([0, packing, packing + 200 + 0.25 * values / 2])
    assert 1000 * table.coding.tail_ms[2] == pytest.approx([0, 0, ASSUMED[Step.UNZSTD].us(values // 2)])
    assert table.coding.assumed == ()


def test_times_of_coding_spread_as_they_were_measured_to(models):
    board, edge = models
    codes = (INT8, CutEncoding(4, 2), CutEncoding(4, 2, Entropy.ZSTD))
    steady = replace(board, coding=(StepTime(Step.PACK_4, 50.0, 0.0), StepTime(Step.ZSTD, 1000.0, 0.0)))
    varied = replace(board, coding=(
        StepTime(Step.PACK_4, 50.0, 0.0), StepTime(Step.ZSTD, 1000.0, 0.0, error=0.3, jitter=0.4),
    ))  # fmt: skip
    shape = random_accuracy(1)
    before, after = (build_table(catalogue(), model, edge, shape, codes) for model in (steady, varied))
    assert (after.coding.head_ms == before.coding.head_ms).all()
    assert after.coding.head_sd_ms[2] == pytest.approx(np.hypot(before.coding.head_sd_ms[2], [0, 0, 0.5]))
    assert before.coding.head_sd_ms[2, 1] > 0, "encoders spread as other blocks do"
    link, rows = Link.fixed(10.0, 1.0), slice(None)
    median, high = (after.total_ms(link, percentile)[rows, 2, 2] for percentile in (50.0, 95.0))
    added = after.fixed_variance[rows, 2] + after.coding.variance[2, 2]
    assert high == pytest.approx(median + NormalDist().inv_cdf(0.95) * np.sqrt(added))


def test_what_was_never_measured_is_assumed_and_said(models):
    board, edge = models
    edge = replace(edge, coding=(StepTime(Step.UNPACK_4, 5.0, 0.0),))
    table = build_table(catalogue(), board, edge, random_accuracy(1), (INT8, CutEncoding(4)))
    assert table.coding.assumed == (board.device,)
    values = catalogue().cut_specs[2].elements
    assert 1000 * table.coding.head_ms[2, 1] == pytest.approx(ASSUMED[Step.PACK_4].us(values))
    decision = search(table, Link.fixed(10.0, 2.0), Constraints(1000.0))
    assert f"are assumed for {board.device}, as on an x86-64 machine" in explain(decision)


def test_accuracies_of_encoded_cuts_stand_for_themselves(models):
    codes = (INT8, CutEncoding(bits=4), CutEncoding(bits=4, entropy=Entropy.ZLIB))
    table = build_table(catalogue(), *models, random_accuracy(1), codes)
    arch = table.archs[3]
    key = accuracy_key(Candidate(arch, 2, codes[1]))
    found = table.with_accuracy({key: 0.5, arch: 0.75})
    assert found.accuracy[3, 2].tolist() == [0.75, 0.5, 0.5]
    assert found.evaluated[3, 2].all()
    assert found.accuracy[3, 1] == pytest.approx([0.75] * 3), "what is predicted of other cuts moves along"
    assert found.evaluated[3, 1].tolist() == [True, False, False]
    for stranger in ("nobody", f"{arch} cut 0 int4", f"{arch} cut 2 int3"):
        with pytest.raises(InputError, match="not in the candidate table"):
            table.with_accuracy({stranger: 0.5})


def test_accuracy_keys_parse_back():
    arch, code = catalogue().archs[3], CutEncoding(bits=4, bottleneck=2, entropy=Entropy.ZLIB)
    key = accuracy_key(Candidate(arch, 2, code))
    assert parse_accuracy_key(key) == (arch, 2, str(replace(code, entropy=Entropy.NONE)))
    assert parse_accuracy_key(accuracy_key(Candidate(arch, 2, INT8))) == (arch, None, "")
    with pytest.raises(InputError, match="names no cut"):
        parse_accuracy_key(f"{arch} cut x int4")


def test_shapes_and_numbers_are_checked(models):
    with pytest.raises(InputError):
        build_table(catalogue(), *models, random_accuracy(1)[:-1])
    with pytest.raises(InputError):
        build_table(catalogue(), *models, np.full(len(catalogue().archs), np.nan))
