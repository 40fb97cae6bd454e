"""Accuracies of an outside source in a supernet's candidate table."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.candidate import Candidate, CutEncoding
from nasc_sdk.link.link import Link
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search
from nasc_search.joint.explain import explain
from nasc_search.joint.outside import accuracy_text, as_told, origin
from nasc_search.joint.scored import score
from nasc_search.joint.table import ToldBy
from tests.joint.tables import random_table

LINK, GOAL = Link.fixed(50.0, 1.0), Constraints(1000.0)
NAME = "table t.npz:k"
PLAIN, LOSSY, CUT = 0, 1, 2


@pytest.fixture
def own():
    """Plain accuracy 0.8, the 4-bit cut 2 of arch0 0.77; both evaluated."""
    table = random_table(np.random.default_rng(0), archs=6, encodings=2)
    table = replace(table, accuracy=np.full_like(table.accuracy, 0.8))
    coded = accuracy_key(Candidate("arch0", CUT, CutEncoding(bits=4)))
    return table.with_accuracy({"arch0": 0.8, coded: 0.77})


def told(table, exact=None, own=None):
    accuracy = np.linspace(0.5, 0.9, len(table.archs))
    return as_told(table, ToldBy(NAME, own or {}), accuracy, np.ones(6, bool) if exact is None else exact)


def shown(table, row, cut, code):
    return score(table, LINK, GOAL, row, cut, code)


def test_whole_architectures_have_the_told_accuracy_exactly(own):
    table = told(own)
    assert (table.accuracy[:, :, PLAIN] == np.linspace(0.5, 0.9, 6)[:, None]).all()
    assert table.evaluated[:, :, PLAIN].all()


def test_what_an_encoding_loses_is_the_supernets_to_tell(own):
    table = told(own)
    assert table.accuracy[0, CUT, LOSSY] == pytest.approx(0.5 - 0.03)
    assert table.evaluated[0, CUT, LOSSY]
    assert not table.evaluated[1, CUT, LOSSY], "its loss is predicted"


def test_a_loss_is_unknown_where_only_one_side_was_evaluated(own):
    own.evaluated[0, :, PLAIN] = False
    assert not told(own).evaluated[0, CUT, LOSSY]


def test_nothing_falls_below_zero(own):
    table = as_told(own, ToldBy(NAME, {}), np.full(6, 0.01), np.ones(6, bool))
    assert table.accuracy.min() >= 0.0


def test_what_the_source_predicts_is_not_exact(own):
    table = told(own, np.arange(6) > 2)
    assert table.evaluated[:, 1, PLAIN].tolist() == [False] * 3 + [True] * 3
    assert origin(shown(table, 0, 1, PLAIN)) == f"predicted from {NAME}"


def test_the_search_takes_the_told_accuracies_and_says_so():
    own = random_table(np.random.default_rng(0), archs=6)
    text = explain(search(told(own, own={"arch5": 0.81}), LINK, GOAL))
    assert f"accuracy 90.00% ({NAME}); with the supernet's weights, which are deployed, it is 81.00%" in text
    assert "it was not evaluated" in explain(search(told(own), LINK, GOAL))


def test_words_of_the_supernet_are_as_before(own):
    assert accuracy_text(shown(own, 0, 1, PLAIN)) == "accuracy 80.00% (evaluated)"
    assert accuracy_text(shown(own, 1, 1, PLAIN)) == "accuracy 80.00% (predicted)"
    table = told(own)
    assert origin(shown(table, 0, CUT, LOSSY)) == f"{NAME}, less the evaluated loss of the encoding"
    assert origin(shown(table, 1, CUT, LOSSY)) == f"{NAME}, less the predicted loss of the encoding"
