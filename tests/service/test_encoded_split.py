"""Encoded cuts over real sockets: what the tail answers is what the encoded network was evaluated with."""

import numpy as np
import pytest
import torch

from nasc_edge.tails import TailStore, load_litert
from nasc_sdk.agent.pipeline import Pipeline
from nasc_sdk.candidate import Candidate, CutEncoding, Entropy
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_sdk.runtime.select import open_runtime
from nasc_search.encodings.blocks import ENCODINGS, fits
from nasc_search.service.bundles import make_bundles
from tests.agent.serving import Heard, edge_client, load
from tests.edge.clients import serving
from tests.service.loops import SENT, open_loop
from tests.service.shops import shop
from tests.service.test_bundles import TARGETS
from tests.supernet.tasks import DENSE_CELL, SPACE

NETWORK = SPACE.network(DENSE_CELL)
LAST = NETWORK.cuts[-1]
CODED = [
    Candidate(DENSE_CELL, cut, encoding)
    for cut in range(LAST)
    for encoding in ENCODINGS
    if fits(encoding, cut, LAST, NETWORK.cut_spec(cut))
]


@pytest.fixture(scope="module")
def bundles():
    target, _ = TARGETS["xnnpack"]
    place = shop().dataset, shop().sample_image(), target
    return {candidate: make_bundles(shop().encode(candidate), *place) for candidate in CODED}


@pytest.fixture(scope="module")
def port(tmp_path_factory, bundles):
    store = TailStore(tmp_path_factory.mktemp("tails"), load_litert(open_runtime(), check=False))
    for _, tail in bundles.values():
        store.install(tail.pack())
    with serving(store) as (port, _):
        yield port


@pytest.mark.parametrize("candidate", CODED, ids=str)
def test_the_tail_sees_what_was_evaluated(candidate, bundles, port):
    head, _ = bundles[candidate]
    encoded, images = shop().encode(candidate), shop().dataset.validation.images[:8]
    heard = Heard()
    with edge_client(port, observer=heard) as edge:
        pipeline = Pipeline(edge)
        pipeline.switch((load(head),))
        answers = [pipeline.infer(image) for image in images]
    exact = encoded.folded(torch.from_numpy(shop().dataset.normalise(images))).numpy()
    found = np.asarray([answer.logits for answer in answers])
    spread = np.abs(exact).max()
    # Int8 heads are off by a step now and then, and that may cost a whole code of two bits.
    assert np.median(np.abs(found - exact)) < 0.12 * spread
    sizes = [size for size, _ in heard.transfers]
    packed = candidate.encoding.payload_bytes(NETWORK.cut_spec(candidate.cut))
    if candidate.encoding.entropy is Entropy.NONE:
        assert set(sizes) == {packed}
    else:
        assert max(sizes) <= packed + 64


def test_narrow_cuts_are_chosen_over_narrow_links_and_pushed_by_hand(tmp_path):
    with open_loop(tmp_path, coded=True) as loop:
        loop.profile()
        good = {"limit_ms": 1000.0, "throughput_mbit_s": 1000.0, "round_trip_ms": 0.1, "automatic": False}
        arch = loop.ask(ServiceVerb.DEPLOY, **good)["deployment"]["candidate"]["arch"]
        sent, by_hand = {}, {"arch": arch, "cut": 3, "bits": "4", "bottleneck": 8, **good}
        for entropy in ("none", "zlib"):
            deployment = loop.ask(ServiceVerb.DEPLOY, entropy=entropy, **by_hand)["deployment"]
            assert deployment["candidate"]["encoding"] == {"bits": 4, "bottleneck": 8, "entropy": entropy}
            sent[entropy] = deployment["predicted"]["payload_bytes"]
        assert sent["none"] == 4 * 4 * 8 // 2
        assert sent["zlib"] == SENT[3, CutEncoding(4, 8, Entropy.ZLIB)] * sent["none"]
        fronts = loop.ask(ServiceVerb.SEARCH, limit_ms=1000.0, throughput_mbit_s=0.5, round_trip_ms=0.1)["fronts"]
        splits = [point["candidate"]["encoding"] for point in fronts if point["kind"] == "split"]
        assert any(encoding["bits"] < 8 for encoding in splits), "narrow cuts are on the front over a narrow link"
