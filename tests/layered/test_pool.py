"""Pools of a space that is never listed: catalogues like any other."""

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_search.joint.catalogue import build_catalogue
from nasc_search.layered.pool import architectures, pool_archs, pool_catalogue
from nasc_search.spaces.fbnet import FBNetMacro, FBNetSpace
from tests.joint.catalogues import SPACE as CELLS
from tests.joint.catalogues import catalogue as cells

SPACE = FBNetSpace(FBNetMacro(TensorSpec(16, 12, 3), 4, 0.5, (1, 2, 1, 0, 0, 1, 0)))


class Few(FBNetSpace):
    """As if it could be listed."""

    archs = ("01234", "88888", "70707")


def test_rows_are_those_of_a_catalogue_that_walks_every_network():
    walked = build_catalogue(Few(SPACE.macro))
    pool = pool_catalogue(SPACE, Few.archs)
    keys = [[made.block_keys[number] for number in made.block_of.ravel()] for made in (walked, pool)]
    assert keys[0] == keys[1]
    assert pool.archs == walked.archs
    assert pool.cut_specs == walked.cut_specs
    np.testing.assert_array_equal(pool.arena_bytes, walked.arena_bytes)
    np.testing.assert_array_equal(pool.flash_bytes, walked.flash_bytes)


def test_a_pool_holds_every_block_and_what_was_evaluated():
    archs = pool_archs(SPACE, ["01234", "a cell", "99999"], drawn=50)
    assert len(archs) == len(set(archs)) == 9 + 1 + 50
    assert "01234" in archs
    pool = pool_catalogue(SPACE, archs)
    assert len(pool.first_places()) == len(pool.block_keys)
    assert archs == pool_archs(SPACE, ["01234"], drawn=50)
    assert archs[:10] == pool_archs(SPACE, ["01234"], seed=1, drawn=50)[:10] != archs[10:20]


def test_what_is_drawn_spans_more_than_uniform_draws():
    """Some of one operator nearly everywhere: the sum of many uniform choices is always about the same."""
    deep = FBNetSpace(FBNetMacro(TensorSpec(16, 12, 3), 4, 0.5))
    most = [max(map(arch.count, set(arch))) for arch in pool_archs(deep, [], drawn=200)[9:]]
    assert max(most) > 15
    assert np.median(most) < 9


def test_a_small_space_gives_what_it_has():
    tiny = FBNetSpace(FBNetMacro(TensorSpec(8, 8, 1), 4, 0.5, (1, 0, 0, 0, 0, 0, 0)))
    assert sorted(pool_archs(tiny, [], drawn=50)) == list("012345678")


def test_spaces_are_counted_whole():
    assert architectures(SPACE, pool_catalogue(SPACE, Few.archs)) == 9**5
    assert architectures(CELLS, cells()) == len(CELLS.archs)


def test_strangers_are_refused():
    with pytest.raises(InputError, match="no architecture"):
        pool_catalogue(SPACE, ("0123",))
