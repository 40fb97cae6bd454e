"""A board's serial line in the candidate table: all of the input in, the head's output back, at cut 0 nothing."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from nasc_sdk.candidate import INT8, CutEncoding, Entropy
from nasc_sdk.cost.coding import Step, StepTime
from nasc_sdk.link.link import Link
from nasc_search.joint.build import build_table
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.exact import search
from nasc_search.joint.explain import explain
from nasc_search.joint.scored import Scored, score
from nasc_search.joint.table import Kind
from tests.joint.catalogues import catalogue, random_accuracy

CODES = (INT8, CutEncoding(4), CutEncoding(8, entropy=Entropy.ZSTD), CutEncoding(4, 2))
LINE = StepTime(Step.LINE, 2000.0, 87.0, error=0.03, jitter=0.04)
"""115200 baud, and two milliseconds for what is said around a request."""
LINK = Link.fixed(20.0, 2.0)


def tables(models, codes=CODES):
    """Of the same board without such a line and with it."""
    board, edge = models
    accuracy = random_accuracy(1)
    plain = build_table(catalogue(), board, edge, accuracy, codes)
    return plain, build_table(catalogue(), replace(board, coding=(LINE,)), edge, accuracy, codes)


def test_what_crosses_it(models):
    plain, lined = tables(models)
    specs, line = catalogue().cut_specs, lined.coding.line
    raw = specs[0].elements
    assert plain.coding.line is None
    assert (line.ms[0] == 0).all()
    # Packing and entropy coding come after it; an encoder of the head does not.
    crossed = [specs[2].elements] * 3 + [specs[2].height * specs[2].width * 2]
    assert line.ms[2] == pytest.approx([1e-3 * LINE.us(raw + size) for size in crossed])
    assert line.ms[-1, 0] == pytest.approx(1e-3 * LINE.us(raw + specs[-1].elements))
    assert line.sd_ms == pytest.approx(0.05 * line.ms)
    assert lined.coding.head_ms == pytest.approx(plain.coding.head_ms + line.ms)
    assert lined.coding.variance == pytest.approx(plain.coding.variance + line.sd_ms**2)
    assert (lined.head_ms == plain.head_ms).all()


def test_it_alone_is_no_measured_coding(models):
    board, edge = models
    edge = replace(edge, coding=(StepTime(Step.UNPACK_8, 1.0, 0.0),))
    table = build_table(catalogue(), replace(board, coding=(LINE,)), edge, random_accuracy(1), CODES)
    assert table.coding.assumed == (board.device,)


@pytest.mark.parametrize("cut", [0, 2, -1])
def test_it_is_a_part_of_head_and_total(models, cut):
    plain, lined = tables(models)
    cut %= plain.cuts
    before, after = (score(table, LINK, Constraints(1e6), 5, cut, 0) for table in (plain, lined))
    assert before.line_ms is None
    line, high = after.line_ms
    assert high == pytest.approx(line * (1 + 1.6448536 * 0.05))
    assert after.head_ms[0] - before.head_ms[0] == pytest.approx(line)
    assert after.total_ms[0] - before.total_ms[0] == pytest.approx(line)
    assert (after.total_ms[1] - after.total_ms[0] > before.total_ms[1] - before.total_ms[0]) == (cut > 0)
    assert after.transfer_ms == before.transfer_ms


def test_it_flips_the_choice_and_is_named(models):
    plain, lined = tables(models)
    # The line leaves room for the quickest networks only.
    limits = Constraints(1.005 * float(lined.total_ms(LINK, 95.0)[:, 1:].min()))
    before, after = (search(table, LINK, limits) for table in (plain, lined))
    assert after.chosen.candidate != before.chosen.candidate
    assert after.chosen.limited_ms <= limits.limit_ms
    assert score(lined, LINK, limits, *lined.locate(before.chosen.candidate)).limited_ms > limits.limit_ms
    assert "of it on the board's serial line" in explain(after)
    assert "serial line" not in explain(before)


def test_where_the_input_may_leave_the_line_is_left_out(models):
    slow = replace(LINE, us_per_byte=1040.0)
    board, edge = models
    table = build_table(catalogue(), replace(board, coding=(slow,)), edge, random_accuracy(1), CODES)
    least = float(table.total_ms(LINK, 95.0)[:, 1:].min())
    assert search(table, LINK, Constraints(0.9 * least, raw_input_stays=False)).chosen.kind is Kind.ALL_EDGE


def test_older_records_have_no_such_part(models):
    _, lined = tables(models)
    document = msgspec.to_builtins(score(lined, LINK, Constraints(1e6), 0, 2, 0))
    del document["line_ms"]
    assert msgspec.convert(document, Scored).line_ms is None


def test_what_is_learned_in_service_does_not_count_it_twice(models):
    from nasc_search.joint.in_service import Served, ServedLog, corrected

    _, lined = tables(models)
    found = score(lined, LINK, Constraints(1e6), 5, 2, 0)
    served = Served(found.candidate, found.head_ms, found.tail_ms, found.overhead_ms)
    again = corrected(lined, ServedLog((served,) * 3))
    assert score(again, LINK, Constraints(1e6), 5, 2, 0).head_ms[0] == pytest.approx(found.head_ms[0], rel=0.02)
    assert np.allclose(again.coding.head_ms, lined.coding.head_ms)
