"""A table's and a function's accuracies through the whole service: searched, deployed, adapted to, and said."""

from dataclasses import replace
from functools import lru_cache

import pytest

from nasc_sdk.errors import RefusedError
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_search.accuracy.function import FunctionSource, UserFunction
from nasc_search.accuracy.table import TableSource
from nasc_search.service.records import Deployment
from tests.service.loops import BOARD, SPACE, accuracies, document, open_loop

GOOD = (1000.0, 0.1)
WIDE = {"limit_ms": 1000.0, "throughput_mbit_s": GOOD[0], "round_trip_ms": GOOD[1]}
NAME = "table t.npz:top1"
KNOWN = SPACE.archs[1:]
"""All but the first."""
LAST = SPACE.network(KNOWN[0]).cuts[-1]


@lru_cache(maxsize=1)
def upside_down():
    """The less work, the more accurate: not what the supernet says."""
    own = accuracies()
    return {arch: 1.0 - own[arch] for arch in KNOWN}


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    table = TableSource(NAME, upside_down())
    with open_loop(tmp_path_factory.mktemp("told"), outside=table) as running:
        running.profile()
        yield running


def test_the_search_goes_by_the_table(loop):
    found = loop.ask(ServiceVerb.SEARCH, **WIDE)
    chosen, best = found["chosen"], max(upside_down().values())
    assert (chosen["accuracy"], chosen["told_by"], chosen["evaluated"]) == (best, NAME, True)
    assert f"accuracy {best:.2%} ({NAME}); with the supernet's weights, which are deployed, it " in found["text"]
    assert found["candidates"] % len(KNOWN) == 0
    assert f"{len(KNOWN)} of the space's {len(SPACE.archs)} architectures are searched" in found["predictor"]
    assert "Spearman -1.000, Kendall -1.000" in found["predictor"]
    assert "only the ranks compare" in found["predictor"]


def test_a_deployment_says_what_its_own_weights_reach(loop):
    answer = loop.deploy(**WIDE)
    predicted = answer["deployment"]["predicted"]
    assert predicted["accuracy"] == max(upside_down().values())
    assert 0 <= predicted["own_accuracy"] <= 1
    words = f"({NAME}); with the supernet's weights, which are deployed, it is {predicted['own_accuracy']:.2%}"
    assert words in answer["text"]
    assert words in loop.named("deployed")[-1].text
    again = loop.ask(ServiceVerb.SEARCH, **WIDE)
    assert again["chosen"]["own_accuracy"] == predicted["own_accuracy"]
    assert again["deployed"]["told_by"] == NAME


def test_by_hand_it_is_said_as_well(loop):
    answer = loop.deploy(arch=KNOWN[7], cut=2, automatic=False, **WIDE)
    assert f"accuracy {upside_down()[KNOWN[7]]:.2%} ({NAME}); with the supernet's weights" in answer["text"]
    with pytest.raises(RefusedError, match="not in the candidate table"):
        loop.ask(ServiceVerb.DEPLOY, arch=SPACE.archs[0], cut=2, **WIDE)


def test_what_runs_may_be_no_candidate_any_more(loop):
    """As after a restart with a table that lacks it."""
    loop.deploy(automatic=True, **WIDE)
    newest = loop.store.deployments(BOARD, Deployment, 1)[0]
    lacking = replace(newest, candidate=replace(newest.candidate, arch=SPACE.archs[0]))
    loop.store.add_deployment(BOARD, lacking)
    assert loop.ask(ServiceVerb.SEARCH, **WIDE)["deployed"] is None
    before = len(loop.named("deployed"))
    loop.report_link(*GOOD, changed=True)
    event = loop.await_named("deployed", before + 1)
    assert document(event, Deployment).candidate.arch in KNOWN
    assert f"{lacking.candidate} is no candidate any more" in event.text


class Users:
    """A function that counts, and may fail."""

    def __init__(self):
        self.asked, self.fails = [], False

    def __call__(self, arch):
        if self.fails:
            raise RuntimeError("out of memory")
        self.asked.append(arch)
        return upside_down().get(arch, 0.5)


def test_a_function_is_asked_for_finalists_and_nothing_twice(tmp_path):
    users, kept = Users(), {}
    source = FunctionSource(UserFunction("training:accuracy_of", users, ""), keep=kept.__setitem__)
    source.learn(SPACE, SPACE.archs[::10], 0, lambda done, arch: None)
    with open_loop(tmp_path, outside=source) as loop:
        loop.profile()
        searched = len(users.asked)
        assert loop.ask(ServiceVerb.SEARCH, **WIDE)["chosen"]["told_by"] == "function training:accuracy_of"
        assert len(users.asked) == searched == len(SPACE.archs[::10]), "a search asks for nothing"
        predicted = loop.deploy(**WIDE)["deployment"]["predicted"]
        assert predicted["evaluated"]
        assert predicted["accuracy"] == kept[predicted["candidate"]["arch"]]
        assert len(users.asked) == len(set(users.asked)) == len(kept) > searched
        users.fails = True
        unasked = next(arch for arch in SPACE.archs if arch not in kept)
        hand = loop.ask(ServiceVerb.DEPLOY, arch=unasked, cut=LAST, automatic=False, **WIDE)
        assert "predicted from function training:accuracy_of" in hand["text"]


def test_a_function_that_fails_refuses_the_deployment_and_nothing_else(tmp_path):
    users = Users()
    source = FunctionSource(UserFunction("training:accuracy_of", users, ""))
    source.learn(SPACE, SPACE.archs[::10], 0, lambda done, arch: None)
    users.fails = True
    with open_loop(tmp_path, outside=source) as loop:
        loop.profile()
        with pytest.raises(RefusedError, match=r"training:accuracy_of failed on \|.*out of memory") as caught:
            loop.ask(ServiceVerb.DEPLOY, **WIDE)
        assert caught.value.exit_code == 3
        users.fails = False
        assert loop.deploy(**WIDE)["deployment"]["device"] == BOARD
