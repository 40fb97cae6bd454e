import numpy as np
import pytest

from nasc_sdk.candidate import INT8, CutEncoding
from nasc_sdk.cost.model import predict_heads, spread_us
from nasc_sdk.errors import InputError
from nasc_search.calibrate.fit import fit
from nasc_search.joint.table import build_table
from tests.calibrate import synthetic
from tests.joint.catalogues import catalogue, random_accuracy


@pytest.fixture(scope="module")
def models():
    return fit(synthetic.profile(1))[0], fit(synthetic.profile(2, scale=1.0))[0]


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
    assert table.payload_bytes[0].tolist() == [specs[0].elements] * 3
    assert table.payload_bytes[2].tolist() == [codes[n].payload_bytes(specs[2]) for n in range(3)]
    assert table.legal[0].tolist() == table.legal[-1].tolist() == [True, False, False]
    assert table.legal[1:-1].all()


def test_shapes_and_numbers_are_checked(models):
    with pytest.raises(InputError):
        build_table(catalogue(), *models, random_accuracy(1)[:-1])
    with pytest.raises(InputError):
        build_table(catalogue(), *models, np.full(len(catalogue().archs), np.nan))
