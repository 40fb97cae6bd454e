from dataclasses import replace

import msgspec
import pytest

from nasc_sdk.cost.compare import compare
from nasc_sdk.cost.table import read_document, tabulate, to_csv
from nasc_sdk.errors import InputError
from tests.cost.test_model import CELL, CONV, MODEL, PLAIN

KEYS = (PLAIN, CELL, f"cell|{CONV}*1|conv3x3 8x8x4>8x8x8*1")


def test_rows_hold_what_the_model_predicts_longest_first():
    document = tabulate(MODEL, KEYS)
    assert [row.us for row in document.blocks] == sorted((row.us for row in document.blocks), reverse=True)
    plain = next(row for row in document.blocks if row.key == PLAIN)
    assert plain.us == pytest.approx(100)
    assert plain.operators == "1 conv3x3"
    assert plain.error_us == pytest.approx((3**2 + 2**2) ** 0.5)
    assert plain.low_us < plain.us < plain.high_us
    assert [row.key for row in document.blocks if row.extrapolated] == [KEYS[2]]


def test_csv_and_json(tmp_path):
    document = tabulate(MODEL, KEYS)
    lines = to_csv(document).splitlines()
    assert lines[0].startswith("# device board, measured, ai-edge-litert 2.3.0, reference kernels")
    assert lines[1] == "block,operators,us,low_us,high_us,extrapolated"
    assert len(lines) == 2 + len(KEYS)
    assert f"{PLAIN},1 conv3x3,100.000" in lines[-1]
    path = tmp_path / "model.json"
    path.write_bytes(msgspec.json.encode(document))
    assert read_document(path) == document


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"model": {"device": 3}}'])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a cost model"):
        read_document(path)
    with pytest.raises(InputError, match="No such file"):
        read_document(tmp_path / "absent.json")


def test_the_same_device_did_not_move():
    found = compare(tabulate(MODEL, KEYS), tabulate(replace(MODEL, op_us=(102.0, 10.5)), KEYS))
    assert found.moved == ()
    assert len(found.moves) == len(KEYS)
    assert (found.only_before, found.only_after, found.conditions) == (0, 0, ())


def test_a_slower_convolution_is_named():
    slower = replace(MODEL, op_us=(130.0, 10.0), conditions=replace(MODEL.conditions, runtime="ai-edge-litert 2.4.0"))
    found = compare(tabulate(MODEL, KEYS[:2]), tabulate(slower, KEYS))
    assert {move.key for move in found.moved} == {PLAIN, CELL}
    assert found.moved[0].change == pytest.approx(60 / 210)
    assert found.conditions == ("runtime: ai-edge-litert 2.3.0 -> ai-edge-litert 2.4.0",)
    assert (found.only_before, found.only_after) == (0, 1)
    tolerant = compare(tabulate(MODEL, KEYS), tabulate(slower, KEYS), tolerance=0.5)
    assert tolerant.moved == ()


def test_an_unsure_model_raises_no_alarm():
    unsure = replace(MODEL, residual=0.3)
    assert compare(tabulate(unsure, KEYS), tabulate(replace(unsure, op_us=(130.0, 10.0)), KEYS)).moved == ()


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match="no block in common"):
        compare(tabulate(MODEL, KEYS[:1]), tabulate(MODEL, KEYS[1:2]))
    with pytest.raises(InputError, match="tolerance"):
        compare(tabulate(MODEL, KEYS), tabulate(MODEL, KEYS), tolerance=-1)
