"""Rules of drawing sub-networks."""

from collections import Counter

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.ir.count import macs
from nasc_sdk.ir.network import TensorSpec
from nasc_search.measured.fbnet import OPS
from nasc_search.spaces.fbnet import CIFAR, FBNetMacro, FBNetSpace
from nasc_search.spaces.nb201 import EDGES, EdgeOp, format_arch
from nasc_search.supernet.options import SamplingRule
from nasc_search.supernet.rules import by_size, draw, largest, paths, smallest
from tests.supernet.tasks import SPACE


def drawn(rule, step=0, steps=100, seed=0):
    return [network.arch for network in draw(SPACE, rule, step, steps, np.random.default_rng((seed, step)))]


@pytest.mark.parametrize("rule", SamplingRule)
def test_every_rule_draws_candidates_and_repeats(rule):
    archs = drawn(rule, 60)
    assert archs == drawn(rule, 60) != drawn(rule, 61)
    assert len(archs) == paths(SPACE, rule)
    assert set(archs) <= set(SPACE.archs)


def test_a_fair_group_trains_every_choice_of_every_edge_once():
    for step in range(20):
        codes = np.asarray([SPACE.encode(arch) for arch in drawn(SamplingRule.FAIR, step)])
        assert codes.shape == (len(EdgeOp), len(EDGES))
        assert all(sorted(column) == list(range(len(EdgeOp))) for column in codes.T.tolist())


def test_the_sandwich_has_the_largest_the_smallest_and_another():
    for step in range(5):
        first, second, third = drawn(SamplingRule.SANDWICH, step)
        assert first == format_arch((EdgeOp.CONV_3X3,) * 6) == largest(SPACE)
        assert second == smallest(SPACE)
        assert third in SPACE.archs
    # Nothing is smaller than a network whose cells cost nothing.
    assert macs(SPACE.network(smallest(SPACE))) == min(macs(SPACE.network(arch)) for arch in SPACE.archs[:400])


def test_choices_are_ordered_by_what_they_cost():
    for order in by_size(SPACE):
        assert order[-2:] == (EdgeOp.CONV_1X1, EdgeOp.CONV_3X3)


def test_shrinking_begins_with_the_largest_and_ends_with_all():
    assert {drawn(SamplingRule.SHRINKING, 0, seed=seed)[0] for seed in range(5)} == {largest(SPACE)}
    early = [SPACE.encode(drawn(SamplingRule.SHRINKING, 13, seed=seed)[0]) for seed in range(40)]
    assert {op for code in early for op in code} == {EdgeOp.CONV_1X1, EdgeOp.CONV_3X3}
    late = Counter(op for seed in range(200) for op in SPACE.encode(drawn(SamplingRule.SHRINKING, 50, seed=seed)[0]))
    assert set(late) == set(EdgeOp)
    assert min(late.values()) > 0.7 * max(late.values())


class Opaque:
    """A space that has names and networks, no choices."""

    name = "opaque"

    def sample(self, rng):
        return SPACE.sample(rng)

    def network(self, arch):
        return SPACE.network(arch)


def test_a_space_without_choices_is_trained_uniformly_only():
    rng = np.random.default_rng(0)
    assert len(draw(Opaque(), SamplingRule.UNIFORM, 0, 1, rng)) == 1
    with pytest.raises(InputError, match="only --rule uniform"):
        draw(Opaque(), SamplingRule.FAIR, 0, 1, rng)


FBNET = FBNetSpace(FBNetMacro.of(CIFAR, TensorSpec(16, 16, 3), 4, width=0.25, depth=1))


@pytest.mark.parametrize("rule", SamplingRule)
def test_fbnet_is_trained_by_every_rule(rule):
    drawn = draw(FBNET, rule, 30, 100, np.random.default_rng(0))
    assert len(drawn) == paths(FBNET, rule)
    assert all(network.output.channels == 4 for network in drawn)


def test_fbnet_unlocks_kernels_and_expansions_in_phases():
    """The largest operators first; then a smaller kernel at the same expansion, then smaller expansions."""

    def operators(step):
        drawn = [draw(FBNET, SamplingRule.SHRINKING, step, 100, np.random.default_rng(seed))[0] for seed in range(40)]
        return {OPS[choice] for network in drawn for choice in FBNET.encode(network.arch)}

    assert operators(0) == {"k5_e6"}
    assert operators(7) == {"k5_e6", "k3_e6"}
    assert operators(13) == {"k5_e6", "k3_e6", "k5_e3"}
    assert operators(50) == set(OPS)
