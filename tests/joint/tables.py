"""Random candidate tables and links, and the search done slowly, one candidate at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from nasc_sdk.candidate import INT8, CutEncoding
from nasc_sdk.link.link import Link
from nasc_search.joint.coding import Coding
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.flips import Factor, scaled_link
from nasc_search.joint.table import CandidateTable, Overheads

ENCODINGS = (INT8, CutEncoding(bits=4))


def random_table(rng, archs=25, cuts=6, encodings=1, levels=12):
    """Few accuracy levels and few distinct times, so that ties happen."""
    head = np.cumsum(rng.integers(0, 8, (archs, cuts)), axis=1) / 2.0
    head[:, 0] = 0.0
    tail = np.cumsum(rng.integers(0, 4, (archs, cuts)), axis=1)[:, ::-1] / 4.0
    tail[:, -1] = 0.0
    codes = ENCODINGS[:encodings]
    payload = rng.integers(1, 20, cuts) * 1000
    lost = rng.integers(0, 3, (archs, cuts, encodings)) * (np.arange(encodings) > 0)
    legal = np.ones((cuts, encodings), bool)
    legal[[0, -1], 1:] = False
    return CandidateTable(
        archs=tuple(f"arch{index}" for index in range(archs)),
        encodings=codes,
        accuracy=np.maximum(rng.integers(0, levels, (archs, 1, 1)) - lost, 0) / levels,
        evaluated=np.zeros((archs, cuts, encodings), bool),
        head_ms=head,
        head_sd_ms=head * rng.choice([0.02, 0.1], (archs, 1)),
        tail_ms=tail,
        tail_sd_ms=tail * 0.05,
        payload_bytes=np.stack([payload * code.bits // 8 for code in codes], axis=1),
        legal=legal,
        arena_bytes=np.maximum.accumulate(rng.integers(0, 100, (archs, cuts)), axis=1),
        flash_bytes=np.cumsum(rng.integers(0, 100, (archs, cuts)), axis=1),
        coding=coding(rng, cuts, encodings),
        overheads=Overheads(0.1, 0.2, 0.05),
    )


def coding(rng, cuts, encodings):
    """The plain encoding adds nothing."""
    lossy = np.arange(encodings) > 0
    head_ms, tail_ms = (rng.integers(0, 4, (cuts, encodings)) * lossy / 4.0 for _ in range(2))
    memory = (rng.integers(0, 100, (cuts, encodings)) * lossy for _ in range(2))
    return Coding(head_ms, 0.5 * head_ms, tail_ms, 0.25 * tail_ms, *memory)


def per_candidate(values, cuts=3, encodings=1):
    """[A, K, E] of a value an architecture."""
    return np.broadcast_to(np.asarray(values)[:, None, None], (len(values), cuts, encodings)).copy()


def random_link(rng, samples=9):
    base = np.exp(rng.uniform(np.log(1), np.log(200)))
    return Link(
        tuple(base * np.exp(0.3 * rng.normal(size=samples))),
        tuple(rng.uniform(0, 8) * np.exp(0.3 * rng.normal(size=samples))),
    )


def random_constraints(rng):
    return Constraints(
        limit_ms=float(rng.uniform(2, 30)),
        percentile=float(rng.choice([50.0, 90.0, 95.0, 99.0])),
        raw_input_stays=bool(rng.integers(2)),
        arena_bytes=int(rng.choice([0, 60, 90])),
        flash_bytes=int(rng.choice([0, 150, 300])),
        max_server_ms=float(rng.choice([0.0, 0.0, 0.75, 1.5])),
    )


@lru_cache(maxsize=1024)
def slow_transfers(link, payload, percentile):
    """Median and a percentile of the time of a payload."""
    times = [
        trip + payload * 8 / 1e6 / speed * 1e3
        for trip, speed in zip(link.round_trip_ms, link.throughput_mbit_s, strict=True)
    ]
    return np.median(times), np.percentile(times, percentile)


def slow_total(table, link, percentile, row, cut, code):
    z = NormalDist().inv_cdf(percentile / 100)
    median = table.head_ms[row, cut] + table.tail_ms[row, cut]
    median += table.coding.head_ms[cut, code] + table.coding.tail_ms[cut, code]
    spreads = [z * table.head_sd_ms[row, cut], z * table.tail_sd_ms[row, cut]]
    spreads += [z * table.coding.head_sd_ms[cut, code], z * table.coding.tail_sd_ms[cut, code]]
    if cut < table.cuts - 1:
        transfer, slow_transfer = slow_transfers(link, int(table.payload_bytes[cut, code]), percentile)
        median += transfer + table.overheads.encode_ms + table.overheads.decode_ms + table.overheads.reply_ms
        spreads.append(slow_transfer - transfer)
    return float(median + np.sqrt(sum(spread**2 for spread in spreads)))


def slow_feasible(table, link, constraints):
    """[(accuracy, total, (row, cut, code))] of every feasible candidate."""
    found = []
    for row in range(len(table.archs)):
        for cut in range(table.cuts):
            if cut == 0 and constraints.raw_input_stays:
                continue
            codes = 1 if cut in (0, table.cuts - 1) else len(table.encodings)
            for code in range(codes):
                arena = max(table.arena_bytes[row, cut], table.coding.arena_bytes[cut, code])
                flash = table.flash_bytes[row, cut] + table.coding.flash_bytes[cut, code]
                if constraints.arena_bytes and arena > constraints.arena_bytes:
                    continue
                if constraints.flash_bytes and flash > constraints.flash_bytes:
                    continue
                if constraints.max_server_ms and slow_server(table, row, cut, code) > constraints.max_server_ms:
                    continue
                total = slow_total(table, link, constraints.percentile, row, cut, code)
                if constraints.limit_ms is None or total <= constraints.limit_ms:
                    found.append((float(table.accuracy[row, cut, code]), total, (row, cut, code)))
    return found


def moved(factor, scale, link, constraints, floor=0.0):
    """Link and constraints with one of them scaled."""
    match factor:
        case Factor.THROUGHPUT:
            return scaled_link(link, throughput=scale), constraints
        case Factor.ROUND_TRIP:
            return scaled_link(link, round_trip=scale), constraints
        case Factor.LIMIT:
            return link, replace(constraints, limit_ms=constraints.limit_ms * scale)
        case Factor.SERVER:
            return link, replace(constraints, max_server_ms=constraints.max_server_ms * scale)
        case Factor.FLOOR:
            return link, replace(constraints, aim=replace(constraints.aim, min_accuracy=min(floor * scale, 1.0)))


def slow_server(table, row, cut, code):
    if cut == table.cuts - 1:
        return 0.0
    return table.tail_ms[row, cut] + table.coding.tail_ms[cut, code] + table.overheads.decode_ms


def slow_energy(table, link, row, cut, code):
    busy = table.head_ms[row, cut] + table.coding.head_ms[cut, code]
    waiting = table.tail_ms[row, cut] + table.coding.tail_ms[cut, code]
    if cut < table.cuts - 1:
        transfer, _ = slow_transfers(link, int(table.payload_bytes[cut, code]), 50.0)
        busy += table.overheads.encode_ms
        waiting += transfer + table.overheads.decode_ms + table.overheads.reply_ms
    return float(table.power.busy_w * busy + table.power.idle_w * waiting)
