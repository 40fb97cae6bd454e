"""A space that nobody lists, when the link changes: as with one that is listed, the service rolls out what suits it."""

import numpy as np

from nasc_sdk.ir.count import macs
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.protocol.messages import ServiceVerb
from nasc_search.layered.pool import pool_archs, pool_catalogue
from nasc_search.service.planner import Planner
from nasc_search.service.records import Deployment
from nasc_search.spaces.fbnet import FBNetMacro, FBNetSpace
from nasc_search.supernet.model import Supernet
from tests.service.loops import document, open_loop

SPACE = FBNetSpace(FBNetMacro(TensorSpec(8, 8, 1), 4, 2.0, (1, 2, 1, 0, 0, 0, 0), 1, (1,) * 7, 64))
GOOD, BAD = (1000.0, 0.1), (1.0, 60.0)


class Work:
    """The more work, the more accurate: so that the board alone cannot have the best."""

    name = "work"
    report = "made up"

    def __init__(self, archs):
        self.known = {arch: self.evaluate(arch) for arch in archs}

    def estimate(self, archs):
        return np.asarray([self.evaluate(arch) for arch in archs])

    def evaluate(self, arch):
        return float(0.9 - 0.5 * np.exp(-macs(SPACE.network(arch)) / 2e6))


def made():
    archs = pool_archs(SPACE, (), drawn=150)
    source = Work(archs[:60])
    planner = Planner(SPACE, pool_catalogue(SPACE, archs), dict(source.known), outside=source)
    return Supernet(SPACE, 4), planner


def test_a_worse_link_and_a_better_one(tmp_path):
    with open_loop(tmp_path, made=made()) as loop:
        loop.ask(ServiceVerb.PROFILE, coverage="small", rounds=2)
        wide = loop.ask(ServiceVerb.SEARCH, limit_ms=1000.0, throughput_mbit_s=GOOD[0], round_trip_ms=GOOD[1])
        limit_ms = max(point["limited_ms"] for point in wide["fronts"] if point["kind"] == "all-local") / 2
        loop.report_link(*GOOD)
        first = loop.deploy(limit_ms=limit_ms)
        assert first["deployment"]["predicted"]["kind"] == "split"
        assert first["prepared"] > 0
        loop.worsen_link(*BAD)
        worse = document(loop.await_named("deployed", 2), Deployment)
        assert worse.predicted.kind == "all-local"
        assert worse.predicted.total_ms[1] <= limit_ms
        loop.report_link(*GOOD, changed=True)
        better = document(loop.await_named("deployed", 3), Deployment)
        assert better.predicted.kind == "split"
        assert worse.predicted.accuracy < better.predicted.accuracy
        told = loop.ask(ServiceVerb.SEARCH, limit_ms=limit_ms, throughput_mbit_s=GOOD[0], round_trip_ms=GOOD[1])
        assert told["chosen"]["accuracy"] >= better.predicted.accuracy
        assert told["deployed"]["candidate"]["arch"] == better.candidate.arch
