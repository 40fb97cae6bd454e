from dataclasses import replace

import msgspec
import numpy as np
import pytest

from nasc_sdk.cost.model import (
    CostModel,
    MeasuredBlock,
    predict_blocks,
    predict_counts,
    predict_heads,
    predict_prefixes,
    spread_us,
)
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Conditions

CONDITIONS = Conditions("ai-edge-litert 2.3.0", "reference", 1, "x86_64", "cpu")
CONV, RELU = "conv3x3 8x8x4", "relu 8x8x4"
CELL, PLAIN = f"cell|{CONV}*2|{RELU}*1", f"cell|{CONV}*1"
MODEL = CostModel(
    "board",
    CONDITIONS,
    (CONV, RELU),
    (100.0, 10.0),
    ((4.0, 0.0, 0.0), (0.0, 9.0, -1.0), (0.0, -1.0, 1.0)),
    invocation_us=5.0,
    block_us=2.0,
    scale=1.1,
    residual=0.02,
    p95_ratio=1.2,
)


def test_json_round_trip():
    model = replace(MODEL, blocks={CELL: MeasuredBlock(200.0, 1.0)})
    assert msgspec.json.decode(msgspec.json.encode(model), type=CostModel) == model


def test_counts_and_their_errors():
    prediction = predict_counts(MODEL, (RELU, CONV), np.asarray([[1, 2], [0, 1]]))
    assert prediction.us == pytest.approx([210.0, 100.0])
    assert prediction.error_us == pytest.approx([np.sqrt(4 * 9 + 1 - 2 * 2 * 1), 3.0])
    assert prediction.extrapolated == ()
    low, high = prediction.interval(0.9)
    assert (low < prediction.us).all()
    assert (high > prediction.us).all()


def test_heads_pay_the_invocation_once():
    prediction = predict_heads(MODEL, [[CELL, PLAIN], [PLAIN], []])
    assert prediction.us == pytest.approx([5 + 2 + 1.1 * 310, 5 + 1.1 * 100, 0.0])
    assert prediction.error_us[0] > prediction.error_us[1] > prediction.error_us[2] == 0.0


def test_measured_blocks_replace_their_sum():
    model = replace(MODEL, blocks={CELL: MeasuredBlock(250.0, 1.0)})
    assert predict_blocks(model, [CELL, PLAIN]).us == pytest.approx([275.0, 110.0])


def test_prefixes_equal_heads():
    keys = [CELL, PLAIN]
    block_of = np.asarray([[0, 1, 1], [1, 0, 0]])
    prefixes = predict_prefixes(MODEL, predict_blocks(MODEL, keys), block_of)
    heads = [[keys[block] for block in row[:cut]] for row in block_of for cut in range(4)]
    expected = predict_heads(MODEL, heads)
    assert prefixes.us.ravel() == pytest.approx(expected.us)
    assert prefixes.error_us.ravel() == pytest.approx(expected.error_us)
    assert (spread_us(MODEL, prefixes) >= prefixes.error_us).all()


def test_unmeasured_operators_are_scaled_by_work_said_so_and_less_sure():
    larger = "conv3x3 8x8x4>8x8x8"
    known = predict_blocks(MODEL, [PLAIN])
    guess = predict_blocks(MODEL, [f"cell|{larger}*1"])
    assert guess.extrapolated == (larger,)
    assert 1.7 < guess.us[0] / known.us[0] < 2.1
    assert guess.error_us[0] / guess.us[0] > 5 * known.error_us[0] / known.us[0]
    strange = predict_blocks(MODEL, ["cell|dense1x1 1x1x64>1x1x10*1"])
    assert strange.error_us[0] >= strange.us[0] > 0


def test_measured_block_of_an_unmeasured_operator_is_no_guess():
    larger = "cell|conv3x3 8x8x4>8x8x8*1"
    model = replace(MODEL, blocks={larger: MeasuredBlock(190.0, 1.0)})
    assert predict_blocks(model, [larger]).extrapolated == ()


def test_a_model_that_knows_nothing_says_so():
    empty = CostModel("board", CONDITIONS, (), (), ((0.0,),), invocation_us=0.0)
    with pytest.raises(InputError, match="profile the device"):
        predict_blocks(empty, [PLAIN])


def test_coefficients_must_match_operators():
    with pytest.raises(InputError):
        replace(MODEL, op_us=(1.0,))
