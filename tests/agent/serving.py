"""Heads and their tails over tiny real models, and the pieces of an agent around them."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np

from nasc_edge.tails import TailStore, load_litert
from nasc_sdk.agent.edge_client import EdgeClient
from nasc_sdk.agent.install import LoadedHead
from nasc_sdk.bundle import Bundle
from nasc_sdk.runtime.select import open_runtime
from tests.agent.heads import CHANNELS, KERNELS, SIZE
from tests.edge.bundles import expected_logits, tail_bundle

SHAPE = (SIZE, SIZE, CHANNELS)


class Heard:
    """An observer that remembers."""

    def __init__(self):
        self.transfers, self.pings, self.timeouts = [], [], []

    def transfer(self, payload_bytes, elapsed_ms):
        self.transfers.append((payload_bytes, elapsed_ms))

    def ping(self, elapsed_ms):
        self.pings.append(elapsed_ms)

    def timeout(self, payload_bytes, waited_ms):
        self.timeouts.append((payload_bytes, waited_ms))


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, SHAPE).astype(np.uint8)


def load(bundle: Bundle) -> LoadedHead:
    return LoadedHead(bundle, open_runtime().load(bundle.model, kernels=KERNELS) if bundle.model else None)


def tail_at(cut, seed=0):
    """A tail bundle of the contract that ``head_bundle(seed, cut=cut)`` has."""
    bundle = tail_bundle(seed=seed)
    contract = replace(bundle.manifest.contract, cut=cut)
    return replace(bundle, manifest=replace(bundle.manifest, contract=contract))


def quantized(pixels):
    """As the manifest of the tests' heads says, computed in the plain way."""
    return np.clip(np.rint((pixels / 255 - 0.5) / 0.5 / 0.05) + 3, -128, 127).astype(np.int8)[None]


def direct(head, tail, pixels, kernels=KERNELS):
    """Logits of head and tail run one after the other, here."""
    cut = quantized(pixels)
    if head.model:
        cut = open_runtime().load(head.model, kernels=kernels).run(cut)
    return expected_logits(tail.model, cut.tobytes())[0]


def store_with(directory, *bundles):
    store = TailStore(directory, load_litert(open_runtime(), check=False))
    for bundle in bundles:
        store.install(bundle.pack())
    return store


@contextlib.contextmanager
def edge_client(port, *, observer=None, timeout_s=10.0):
    """A client that has reached the server."""
    client = EdgeClient(observer or Heard(), timeout_s=timeout_s, pause_s=(0.0, 0.0))
    client.go_to(("127.0.0.1", port))
    client.probe()
    try:
        yield client
    finally:
        client.close()


