import pytest

from nasc_sdk.cost.features import block_key, head_key, parse_block
from nasc_search.calibrate.design import Coverage, profile_design
from nasc_search.export.simplify import simplify
from tests.joint.catalogues import SPACE, catalogue


@pytest.fixture(scope="module")
def every():
    return profile_design(catalogue(), seed=1)


def test_every_covers_each_block_that_can_be_timed(every):
    keys = {block.key for block in every.blocks}
    assert keys == {key for key in catalogue().block_keys if parse_block(key)[1]}
    assert len(keys) == len(every.blocks)
    assert every.distinct == len(catalogue().block_keys)


def test_places_hold_what_their_keys_say(every):
    for block in every.blocks[::7]:
        network = simplify(SPACE.network(block.arch))
        assert block_key(network.blocks[block.index]) == block.key
    for head in every.heads:
        network = simplify(SPACE.network(head.arch))
        assert head_key(network.head(head.cut)) == head.head_key
        tail = network.tail(head.cut) if head.cut < len(network.blocks) else network
        assert head_key(tail) == head.tail_key


def test_small_sees_every_operator_at_every_shape(every):
    small = profile_design(catalogue(), seed=1, coverage=Coverage.SMALL, small_blocks=44)
    assert len(small.blocks) == 44
    assert {op for block in small.blocks for op in parse_block(block.key)[1]} == {
        op for block in every.blocks for op in parse_block(block.key)[1]
    }


def test_designs_repeat_with_their_seed():
    first, again, other = (profile_design(catalogue(), seed, Coverage.SMALL) for seed in (1, 1, 2))
    assert first == again != other
