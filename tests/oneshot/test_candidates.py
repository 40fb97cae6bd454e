"""Points of the joint problem: what they stand for, and what they are predicted to take."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from nasc_sdk.candidate import INT8, Candidate, CutEncoding, Entropy
from nasc_sdk.entropy import EVERYWHERE
from nasc_sdk.errors import InfeasibleError, InputError
from nasc_sdk.link.link import Link
from nasc_search.encodings.blocks import ENCODINGS, fits
from nasc_search.joint.build import OVERHEADS, build_table
from nasc_search.joint.catalogue import build_catalogue
from nasc_search.oneshot.candidates import NO_NETWORK, Candidates
from nasc_search.spaces.fbnet import CIFAR, FBNetMacro, FBNetSpace
from nasc_search.supernet.model import Supernet
from tests.oneshot.planted import SPACE, setting
from tests.supernet.tasks import SPACE as CELLS
from tests.supernet.tasks import images

PLAIN = tuple(code for code in ENCODINGS if not code.bottleneck and code.entropy in EVERYWHERE)


def all_points(problem):
    return product(*(range(size) for size in problem.sizes))


def test_a_point_is_a_candidate_and_the_raw_input_stays():
    candidates = Candidates(SPACE, setting(SPACE, 9.0), PLAIN)
    assert candidates.problem.sizes == (2, 2, 3, len(PLAIN))
    assert candidates.candidate((1, 0, 0, 2)) == Candidate("3-left", 1, PLAIN[2])
    # Nothing leaves the last cut, whatever it is encoded with.
    assert candidates.candidate((1, 0, 2, 2)) == Candidate("3-left", 3, INT8)
    leaving = Candidates(SPACE, setting(SPACE, 9.0, raw_input_stays=False), PLAIN)
    assert leaving.problem.sizes == (2, 2, 4, len(PLAIN))
    assert leaving.candidate((0, 1, 0, 1)) == Candidate("1-right", 0, CutEncoding(entropy=Entropy.ZLIB))


def test_predictions_are_those_of_the_service():
    """The candidate table of all architectures at once says the same as looking at them one by one."""
    wanted = replace(setting(SPACE, 0.5), link=Link((3.0, 1.0, 7.0), (2.0, 9.0, 1.0)))
    candidates = Candidates(SPACE, wanted, PLAIN)
    candidates.shares = {(1, PLAIN[1]): 0.5, (1, PLAIN[2]): 0.25}

    class Listed(type(SPACE)):
        archs = tuple(SPACE.decode(code) for code in product(range(2), repeat=2))

    table = build_table(
        build_catalogue(Listed()), wanted.board, wanted.server, np.zeros(4), PLAIN, OVERHEADS, candidates.shares
    )
    total = table.total_ms(wanted.link, 95.0)
    for point in all_points(candidates.problem):
        candidate = candidates.candidate(point)
        expected = total[table.locate(candidate)]
        assert candidates.violation(point) == pytest.approx(expected / 0.5 - 1)
        scored = candidates.scored(candidate)
        assert scored.limited_ms == pytest.approx(expected)
        assert scored.feasible == (candidates.violation(point) <= 0)


def test_deflating_that_gains_makes_candidates_faster():
    slow = replace(setting(SPACE, 1.0), link=Link.fixed(1.0, 1.0))
    candidates = Candidates(SPACE, slow, PLAIN)
    deflated = (1, 0, 0, PLAIN.index(CutEncoding(entropy=Entropy.ZLIB)))
    before = candidates.violation(deflated)
    candidates.shares = {(1, PLAIN[1]): 0.25}
    assert candidates.violation(deflated) < before


@pytest.mark.parametrize(("limit", "most"), [("arena_bytes", 1500), ("flash_bytes", 1500)])
def test_memory_counts_by_how_much_it_is_exceeded(limit, most):
    free, tight = (Candidates(SPACE, setting(SPACE, 1e6, **more), PLAIN) for more in ({}, {limit: most}))
    seen = set()
    for point in all_points(free.problem):
        assert free.violation(point) <= 0
        needed = getattr(free.scored(free.candidate(point)), limit)
        assert tight.violation(point) == pytest.approx(max(free.violation(point), needed / most - 1))
        seen.add(tight.violation(point) > 0)
    assert seen == {True, False}


def test_choices_that_make_no_network_are_the_worst():
    candidates = Candidates(CELLS, setting(CELLS, 1e-3), PLAIN)
    nothing = (0, 0, 0, 0, 0, 0, 0, 0)
    with pytest.raises(InputError):
        candidates.candidate(nothing)
    assert candidates.violation(nothing) == NO_NETWORK > 10 * candidates.violation((4, 4, 4, 4, 4, 4, 6, 0))


def test_where_nothing_is_feasible_the_nearest_are_named():
    wanted = setting(SPACE, 0.01)
    with pytest.raises(InfeasibleError, match=r"keeps 0\.01 ms at p95 on raspi4 and titan_rtx_1") as raised:
        Candidates(SPACE, wanted, PLAIN).check_feasible(0)
    assert len(raised.value.nearest) == 3
    assert "1-" in raised.value.nearest[0]
    assert "(limit 0.01 ms at p95)" in raised.value.nearest[0]
    Candidates(SPACE, setting(SPACE, 50.0), PLAIN).check_feasible(0)


@pytest.mark.parametrize("space", [CELLS, FBNetSpace(FBNetMacro.of(CIFAR, CELLS.macro.input, 4, 0.5, 1))], ids=str)
def test_every_encoding_is_trained_as_it_is_deployed(space):
    """With gradients to the blocks before the cut; few-bit codes have few values."""
    candidates = Candidates(space, setting(space, 1e6), ENCODINGS)
    supernet = Supernet(space, encoded=True).train()
    arch = space.covering_archs()[1]
    network = space.network(arch)
    spec = network.cut_spec(1)
    for encoding in (encoding for encoding in ENCODINGS if fits(encoding, 1, network.cuts[-1], spec)):
        route = candidates.route(Candidate(arch, 1, encoding))
        seen = []

        def tap(block, value, route=route, seen=seen):
            crossed = value if route.crossing is None else route.crossing(block, value)
            if crossed is not value:
                seen.append(crossed.detach())
            return crossed

        supernet.zero_grad()
        supernet(images(), route.network, tap).square().mean().backward()
        assert supernet.layer(network.blocks[0].ops[0].param).weight.grad.abs().sum() > 0
        assert len(route.network.blocks) == len(network.blocks) + 2 * bool(encoding.bottleneck)
        assert [len(torch.unique(value)) <= 1 << encoding.bits for value in seen] == [True] * (
            encoding.bits < INT8.bits or bool(encoding.bottleneck)
        )
