"""What the plots show, where the page cannot tell."""

from __future__ import annotations

import re
from dataclasses import replace

from nasc_sdk.profiling.profile import Validity
from nasc_sdk.report import plots
from tests.report.pages import Page
from tests.report.summaries import profile, samples, state


def shares(svg):
    return [float(piece.removesuffix(" %")) for piece in Page(svg).pieces if re.fullmatch(r"\d+\.\d %", piece)]


def test_blocks_are_sorted_by_share_of_all_blocks():
    board = profile("board", 20, blocks=60)
    shown = shares(plots.blocks(board))
    assert len(shown) == plots.MAX_BARS
    assert shown == sorted(shown, reverse=True)
    assert 80 < sum(shown) < 100


def test_shares_of_few_blocks_add_up():
    assert abs(sum(shares(plots.blocks(profile("board", 20, blocks=7)))) - 100) < 0.5


def test_a_degraded_block_says_so():
    board = profile("board", 20, blocks=1)
    block = replace(board.blocks[0], validity=Validity.INVALID, code="throttled")
    assert "[invalid: throttled]" in plots.blocks(replace(board, blocks=(block,)))


def test_operators_tell_blocks_of_one_title_apart():
    told = Page(plots.blocks(profile("board", 20, blocks=3))).pieces
    assert {"cell 0: add, conv3x3, 14x14x32>14x14x32", "cell 2: 3 add, conv3x3, 14x14x32>14x14x32"} <= set(told)


def test_thinning_keeps_order_ends_and_peaks():
    assert plots.thin(samples(3000)) == list(samples(3000))
    many = samples(3001)
    few = plots.thin(many)
    assert len(few) <= plots.MAX_POINTS
    assert max(many, key=lambda s: s.total_ms) in few
    assert [s.at_s for s in few] == sorted(s.at_s for s in few)


def test_three_kinds_the_chosen_and_the_limit_each_look_different():
    svg = plots.fronts((state(),), 6.5, 95.0)
    for variable in ("--local", "--split", "--edge", "--limit"):
        assert f"var({variable})" in svg
    assert {"all-local", "split", "all-edge", "chosen", "limit 6.5 ms"} <= set(Page(svg).pieces)


def test_a_choice_outside_the_front_is_marked_too():
    lonely = replace(state(), arch="another", front=state().front[:3])
    assert "chosen" in Page(plots.fronts((lonely,), 6.5, 95.0)).pieces


def test_colours_come_from_the_page():
    drawn = plots.timeline(samples(50), (), 6.5) + plots.parts((state(),)) + plots.fronts((state(),), 6.5, 95.0)
    assert not re.search(r"(fill|stroke): #", drawn)


def test_no_state_of_the_process_changes():
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.parts((state(),))
    assert dict(matplotlib.rcParams) == before
