from dataclasses import replace

import msgspec
import numpy as np
import pytest

from nasc_sdk.cost.coding import ASSUMED, Step, StepTime, time_of
from nasc_sdk.cost.model import (
    CostModel,
    predict_blocks,
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
    residual=0.02,
    p95_ratio=1.2,
)


def test_json_round_trip():
    assert msgspec.json.decode(msgspec.json.encode(MODEL), type=CostModel) == MODEL


def test_errors_of_operators_that_were_measured_together_cancel():
    blocks = predict_blocks(MODEL, [CELL, PLAIN])
    assert blocks.us == pytest.approx([210.0, 100.0])
    assert blocks.error_us == pytest.approx([np.sqrt(4 * 9 + 1 - 2 * 2 * 1), 3.0])
    assert blocks.covariance[0, 1] == pytest.approx(2 * 9 - 1)
    assert blocks.extrapolated == ()


def test_heads_pay_the_invocation_once():
    prediction = predict_heads(MODEL, [[CELL, PLAIN], [PLAIN], []])
    assert prediction.us == pytest.approx([5 + 310, 5 + 100, 0.0])
    assert prediction.error_us[1] == pytest.approx(np.sqrt(4 + 9 + (0.02 * 105) ** 2))
    assert prediction.error_us[0] > prediction.error_us[1] > prediction.error_us[2] == 0.0
    low, high = prediction.interval(0.9)
    assert (low[:2] < prediction.us[:2]).all()
    assert (high[:2] > prediction.us[:2]).all()


def test_an_invocation_that_was_measured_with_an_operator_is_known_no_better_alone():
    tied = replace(MODEL, covariance=((4.0, -5.9, 0.0), (-5.9, 9.0, 0.0), (0.0, 0.0, 1.0)), residual=0.0)
    assert predict_heads(tied, [[PLAIN]]).error_us[0] == pytest.approx(np.sqrt(4 + 9 - 2 * 5.9))


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


def test_a_model_that_knows_nothing_says_so():
    empty = CostModel("board", CONDITIONS, (), (), ((0.0,),), invocation_us=0.0)
    with pytest.raises(InputError, match="profile the device"):
        predict_blocks(empty, [PLAIN])


def test_coefficients_must_match_operators():
    with pytest.raises(InputError):
        replace(MODEL, op_us=(1.0,))
    with pytest.raises(InputError, match="finite"):
        replace(MODEL, op_us=(1.0, float("nan")))


def test_models_of_earlier_versions_are_read():
    document = msgspec.to_builtins(MODEL)
    del document["coding"]
    found = msgspec.convert(document, CostModel)
    assert found.coding == ()
    assert time_of(found.coding, Step.DEFLATE) == ASSUMED[Step.DEFLATE]
    with pytest.raises(InputError, match="not a finite number"):
        replace(MODEL, coding=(StepTime(Step.ZSTD, float("nan"), 0.0),))
