"""Entropy codings that a peer does not have are neither chosen nor pushed, and what used one is replaced."""

import msgspec
import pytest

from nasc_sdk.errors import RefusedError
from nasc_sdk.protocol.messages import ServiceVerb, State, encode
from nasc_sdk.protocol.topics import Topics
from nasc_search.service.records import Deployment
from tests.service.loops import BOARD, SITE, TIMEOUT_S, document, open_loop

GOAL = {"limit_ms": 1000.0, "throughput_mbit_s": 100.0, "round_trip_ms": 1.0}


def say(loop, entropy):
    """The board's state once more, as one that was installed without the extra."""
    state = loop.store.get("state", BOARD, State)
    capabilities = msgspec.structs.replace(state.capabilities, entropy=entropy)
    state = msgspec.structs.replace(state, capabilities=capabilities)
    loop.client.publish_and_wait(Topics(SITE, BOARD).state, encode(state), TIMEOUT_S)
    loop.await_idle()


def test_what_only_one_side_can_do_is_not_used(tmp_path):
    with open_loop(tmp_path, coded=True) as loop:
        loop.profile()
        every = loop.ask(ServiceVerb.SEARCH, **GOAL)["candidates"]
        arch = loop.ask(ServiceVerb.SEARCH, **GOAL)["chosen"]["candidate"]["arch"]
        by_hand = {"arch": arch, "cut": 2, "bits": "4", "entropy": "zstd", **GOAL}
        answer = loop.deploy(**by_hand)
        assert answer["deployment"]["candidate"]["encoding"] == {"bits": 4, "bottleneck": 0, "entropy": "zstd"}

        say(loop, ("none", "zlib"))
        found = loop.ask(ServiceVerb.SEARCH, **GOAL)
        assert found["candidates"] < every
        assert "zstd" not in found["chosen"]["candidate"]["encoding"]["entropy"]
        assert found["deployed"] is None
        with pytest.raises(RefusedError, match=rf"{BOARD} cannot do zstd.*nasc-sdk\[zstd\]"):
            loop.ask(ServiceVerb.DEPLOY, **by_hand)

        loop.report_link(50.0, 2.0, changed=True)
        loop.await_idle()
        newest = document(loop.named("deployed")[-1], Deployment)
        assert "is no candidate any more" in newest.reason
        assert newest.candidate.encoding.entropy != "zstd"
