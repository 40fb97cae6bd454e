"""Accuracies of candidates: what the supernet or another source tells, and what is predicted of the others."""


import pytest

from nasc_sdk.candidate import Candidate, CutEncoding
from nasc_sdk.errors import InputError
from nasc_search.accuracy.table import TableSource
from nasc_search.service.planner import Planner
from tests.joint.catalogues import SPACE, catalogue, random_accuracy


def test_a_planner_predicts_what_was_not_evaluated():
    known = known_accuracies()
    planner = Planner(SPACE, catalogue(), known | {"a stranger": 0.5})
    assert planner.own.known == known
    assert f"on {len(known)} held-out sub-networks" in planner.report


def test_too_few_evaluations_are_refused():
    with pytest.raises(InputError):
        Planner(SPACE, catalogue(), {SPACE.archs[0]: 0.5})


CODED = CutEncoding(bits=4, bottleneck=4)


def known_accuracies():
    values = dict(zip(SPACE.archs, random_accuracy(0).tolist(), strict=True))
    return {arch: values[arch] for arch in SPACE.archs[::4]}


def told_planner(outside):
    return Planner(SPACE, catalogue(), known_accuracies(), outside=outside)


def test_only_architectures_that_a_table_holds_are_candidates():
    table = TableSource("table t.npz:k", dict.fromkeys(SPACE.archs[10:90], 0.7) | {"a disconnected cell": 0.99})
    planner = told_planner(table)
    assert planner.catalogue.archs == SPACE.archs[10:90]
    assert planner.accuracy.tolist() == [0.7] * 80
    assert planner.source is table
    assert f"80 of the space's {len(SPACE.archs)} architectures are searched" in planner.report
    assert "against 20 sub-networks evaluated with the supernet" in planner.report


def test_a_table_of_other_architectures_is_refused():
    with pytest.raises(InputError, match=r"t\.npz:k holds no architecture of nb201"):
        told_planner(TableSource("table t.npz:k", {"stranger": 0.5}))


def test_what_is_no_candidate_any_more_may_still_be_remembered():
    planner = told_planner(TableSource("table", dict.fromkeys(SPACE.archs[:20], 0.7)))
    planner.add({SPACE.archs[100]: 0.5, SPACE.archs[1]: 0.6})
    assert planner.own_accuracy(Candidate(SPACE.archs[100], 1)) is None
    assert planner.own_accuracy(Candidate(SPACE.archs[1], 1)) == 0.6


def test_of_an_outside_accuracy_the_supernets_loss_is_taken():
    arch, asked = SPACE.archs[0], []
    planner = told_planner(TableSource("table", {arch: 0.9}))

    def measure(candidate):
        asked.append(candidate)
        return 0.65 if candidate.encoding == CODED else 0.7

    assert planner.evaluate(Candidate(arch, 2), measure) == 0.9
    assert not asked
    assert planner.evaluate(Candidate(arch, 2, CODED), measure) == pytest.approx(0.85)
    assert planner.evaluate(Candidate(arch, 2, CODED), lambda _: 0.0) == 0.9


def test_without_an_outside_source_the_supernet_is_asked():
    assert told_planner(None).evaluate(Candidate(SPACE.archs[0], 2), lambda _: 0.61) == 0.61
    assert told_planner(None).source.name == "supernet"
