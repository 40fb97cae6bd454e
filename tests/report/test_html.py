"""The page: self-contained, complete, and made of nothing but what it was given."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest

from nasc_sdk.errors import MissingExtraError
from nasc_sdk.report.html import render
from nasc_sdk.report.summary import Figure, Mark, Origin, Promise, Sample
from tests.report.pages import Page
from tests.report.summaries import ARCH, STAND_IN, profile, samples, state, summary

HOSTILE = "</pre><script>alert(1)</script>&lt; \"'><img src=x onerror=y> $\\frac{$ $x$ \x00\n日本 ]]>-->"


@pytest.fixture(scope="module")
def html():
    return render(summary())


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_nothing_is_loaded_from_elsewhere(html, page):
    assert not re.search(r"https?:|//\w|@import|<script|<link|<img|<iframe|<object", html)
    links = [value for name, value in page.attributes if name in ("href", "src", "xlink:href", "clip-path")]
    assert all(value.startswith(("#", "url(#")) for value in links)
    assert not any(name.startswith("on") for name, _ in page.attributes)


def test_ids_are_unique_and_every_reference_has_one(page):
    assert len(page.ids) == len(set(page.ids))
    links = [value for name, value in page.attributes if name in ("href", "clip-path")]
    targets = {link.removeprefix("url(").strip("#)") for link in links}
    assert targets <= set(page.ids)


def test_every_promise_and_figure_appears(page):
    for promise in summary().promises:
        assert promise.name in page.text
        assert promise.detail in page.text
    for text in ("agent resident memory", "74.930", "MB", "4.670", "4.810", "1,234.500", "measured", "simulated"):
        assert text in page.pieces


def test_a_figure_measured_and_predicted_is_one_row(html):
    assert "<td>total p50</td><td>ms</td>" + '<td class="n">4.810</td><td class="n">4.670</td>' in html


def test_the_same_figure_twice_is_two_rows():
    twice = (Figure("f", 1.0, "s", Origin.MEASURED), Figure("f", 2.5, "s", Origin.MEASURED))
    page = Page(render(replace(summary(states=(), profiles=(), timeline=()), figures=twice)))
    assert page.pieces.count("f") == 2
    assert {"1", "2.500"} <= set(page.pieces)


def test_decisions_conditions_and_explanations_are_told(page):
    for told in summary().states:
        assert told.explanation in page.text
    assert page.pieces.count(ARCH) >= 3
    assert "4.66 ms predicted, 4.80 ms measured (-3.0%)" in page.text
    assert "within the limit" in page.text
    assert "over the limit" in page.text
    assert STAND_IN in page.text
    assert "ai-edge-litert 2.3.0, reference kernels, 1 thread(s)" in page.text


def test_every_plot_is_there_with_units(page):
    # Timeline, fronts, parts, heads, blocks of the board and of the edge server.
    assert page.tags.count("svg") == 6
    for label in (
        "time since the first request or mark (s)", "total latency (ms, measured, log)",
        "latency p95 (ms, predicted, log)", "accuracy (%, validation images)", "latency (ms)", "measured (us, log)",
        "predicted (us, log)", "median latency, whisker to p95 (us, measured)", "change reported", "limit 6.5 ms",
        "chosen", "±10 %",
    ):  # fmt: skip
        assert label in page.pieces


def test_the_same_summary_gives_the_same_page(html):
    assert render(summary()) == html


@pytest.mark.parametrize("held", [True, False])
def test_the_verdict_is_the_promises(held):
    promises = (Promise("first", True, ""), Promise("last", held, "why"))
    page = Page(render(summary(promises=promises, states=(), profiles=(), timeline=())))
    assert page.pieces.count("not held") == (0 if held else 1)
    assert f"nasc-sdk demo: {'held' if held else '1 of 2 promises not held'}" in page.pieces


def test_no_promise_is_not_a_success():
    page = Page(render(summary(promises=(), states=(), profiles=(), timeline=())))
    assert "nasc-sdk demo: no promise was checked" in page.pieces


def test_hostile_text_stays_text():
    whole = summary(
        promises=(Promise(HOSTILE, False, HOSTILE),),
        profiles=(profile(HOSTILE, 1, HOSTILE, blocks=2),),
        states=(replace(state(HOSTILE), arch=HOSTILE, kind=HOSTILE, contract=HOSTILE, explanation=HOSTILE),),
        timeline=(Sample(0.0, 3.0, HOSTILE, HOSTILE),),
    )
    whole = replace(
        whole, board=HOSTILE, machine=HOSTILE, marks=(Mark(0.0, HOSTILE),),
        figures=(Figure(HOSTILE, 1.0, HOSTILE, Origin.MEASURED),),
        checks=tuple(replace(check, device=HOSTILE, title=HOSTILE) for check in whole.checks),
    )  # fmt: skip
    page = Page(render(whole))
    assert not {"script", "img"} & set(page.tags)
    assert "<script>alert(1)</script>" in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"timeline": ()},
        {"states": (state(),)},
        {"profiles": (profile("board", 20),)},
        {"profiles": (profile("board", 20, blocks=0),)},
        {"states": (replace(state(), front=(), parts=()),)},
        {"timeline": (Sample(0.0, 0.0, "split", ""), Sample(1.0, float("nan"), "fallback", ""))},
        {"states": (), "profiles": (), "timeline": (), "promises": ()},
    ],
    ids=["no timeline", "one state", "no edge", "no blocks", "no front", "nothing positive", "nothing"],
)
def test_what_is_missing_is_left_out(changes):
    assert Page(render(summary(**changes))).tags.count("section") == 9


def test_nothing_at_all_still_gives_a_page():
    nothing = replace(summary(states=(), profiles=(), timeline=(), promises=()), marks=(), checks=(), figures=())
    page = Page(render(nothing))
    assert "svg" not in page.tags
    assert "No link state was played." in page.pieces


def test_a_long_timeline_keeps_the_page_small():
    html = render(summary(timeline=samples(50_000)))
    assert len(html.encode()) < 1_500_000
    assert "Total latency of 50000 requests" in html
    assert "2942 are drawn: of consecutive requests the slowest." in html


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"nasc-sdk\[report\]"):
        render(summary())
