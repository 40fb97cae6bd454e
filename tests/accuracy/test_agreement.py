"""How far two sources agree."""

import pytest

from nasc_search.accuracy.agreement import Agreement, against_supernet
from nasc_search.accuracy.table import TableSource

TABLE = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}


def test_figures_are_of_what_both_know():
    found = Agreement.of(TABLE, {"b": 0.7, "c": 0.65, "d": 0.5, "stranger": 0.1})
    assert (found.samples, found.spearman, found.kendall) == (3, 1.0, 1.0)
    assert found.mean_error == pytest.approx(0.25 / 3)
    assert str(found) == "Spearman 1.000, Kendall 1.000, mean error 8.33 points"


def test_the_other_way_round_is_minus_one():
    assert Agreement.of(TABLE, {name: 1 - value for name, value in TABLE.items()}).spearman == -1.0


def test_fewer_than_three_say_nothing():
    few = {"a": 0.9, "b": 0.8}
    assert Agreement.of(TABLE, few) is None
    assert "nothing to compare with" in against_supernet(TableSource("table", TABLE), TableSource("own", few))


def test_words_warn_of_other_data_sets():
    said = against_supernet(TableSource("table", TABLE), TableSource("own", TABLE))
    assert "against 4 sub-networks evaluated with the supernet: Spearman 1.000" in said
    assert "only the ranks compare" in said
