import json
from importlib.resources import files

import numpy as np
import pytest

from nasc_sdk.candidate import CutEncoding
from nasc_sdk.errors import InputError
from nasc_search.experiment.anatomy import anatomy_of
from nasc_search.experiment.coding import code_cuts, load_coding, stage_of
from nasc_search.measured.npz import SpaceName

SHIPPED = json.loads(files("nasc_search.experiment").joinpath("coding.json").read_text())


def coded(space=SpaceName.NB201, table=None, ratio=0.73, scale=1.0):
    return code_cuts(anatomy_of(space), table or load_coding(), 3072, ratio, 1e-6, 1e-7, scale)


def test_stages_of_cells():
    anatomy = anatomy_of(SpaceName.NB201)
    found = [stage_of(anatomy, cut) for cut in range(1, 19)]
    assert found == ["stem", *["early"] * 5, *["middle"] * 6, *["late"] * 6]


@pytest.mark.parametrize("space", list(SpaceName))
def test_int8_maps_cross_every_cut(space):
    anatomy, coding = anatomy_of(space), coded(space)
    assert np.isfinite(coding.points_lost[:, 0]).all()
    interior = [spec.elements for spec in anatomy.cuts[1:-1]]
    assert coding.payload_bytes[1:-1, 0].tolist() == interior
    assert (coding.payload_bytes[0, 0], coding.payload_bytes[-1, 0]) == (np.ceil(3072 * 0.73), 0)
    # The ends have nothing to narrow.
    assert not np.isfinite(coding.points_lost[[0, -1], 1:]).any()


def test_the_figures_that_were_measured():
    """Payloads of 28x28 images become those of 32x32."""
    anatomy, coding = anatomy_of(SpaceName.NB201), coded()
    late, middle = 13, 7
    by_code = {
        (cut, str(coding.encodings[cut][form])): (coding.payload_bytes[cut, form], coding.points_lost[cut, form])
        for cut in (late, middle)
        for form in range(coding.points_lost.shape[1])
    }
    assert anatomy.cuts[late].channels == 64
    assert by_code[late, "int4, 8 channels"] == (8 * 8 * 8 // 2, 0.1)
    assert by_code[middle, str(CutEncoding(2, 4))] == (16 * 16 * 4 // 4, 0.75)


def test_fbnets_channels_keep_at_least_the_share():
    anatomy, coding = anatomy_of(SpaceName.FBNET), coded(SpaceName.FBNET)
    for cut, form in zip(*np.nonzero(np.isfinite(coding.points_lost)), strict=True):
        kept = load_coding().forms[form][0]
        code = coding.encodings[cut][form]
        assert (code.bottleneck or anatomy.cuts[cut].channels) >= kept * anatomy.cuts[cut].channels


def test_without_encodings_maps_are_sent_as_they_are():
    plain = coded().only_plain()
    assert np.isfinite(plain.points_lost[:, 0]).all()
    assert not np.isfinite(plain.points_lost[:, 1:]).any()


def test_losses_are_scaled():
    once, twice = coded(), coded(scale=2.0)
    known = np.isfinite(once.points_lost)
    np.testing.assert_allclose(twice.points_lost[known], 2 * once.points_lost[known])


def test_an_image_that_is_not_compressed_is_not_deflated():
    coding = coded(ratio=1.0)
    assert (coding.payload_bytes[0, 0], coding.board_ms[0, 0]) == (3072, 0)


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"note": "", "rows": [SHIPPED["rows"][-1] | {"points_lost": 3.0}]}))
    coding = coded(table=load_coding(path))
    assert coding.points_lost.shape[1] == 2
    assert coding.points_lost[13, 1] == 3.0
    assert np.isfinite(coding.points_lost[:, 0]).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bits": 3}, "row 0: kept is in 0..1"),
        ({"kept": 0}, "row 0"),
        ({"points_lost": -1}, "row 0"),
        ({"stage": "first"}, "is no table of losses"),
        ({"points_lost": "much"}, "is no table of losses"),
    ],
)
def test_tables_that_are_none(tmp_path, change, said):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"note": "", "rows": [SHIPPED["rows"][0] | change]}))
    with pytest.raises(InputError, match=said):
        load_coding(path)


def test_a_form_is_named_once(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"note": "", "rows": [SHIPPED["rows"][0]] * 2}))
    with pytest.raises(InputError, match="twice"):
        load_coding(path)
