"""Where verbs take a cost model from: a file, the search service's memory of a device, or a device that is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nasc_sdk.errors import RemoteProtocolError

if TYPE_CHECKING:
    from nasc_sdk.cost.model import CostModel
    from nasc_sdk.cost.table import CostDocument
    from nasc_search.spaces.space import SearchSpace

_ARCHS = 60
"""Architectures whose operators a known device's model is made for; what none of them has is extrapolated."""


def ask_document(broker_url: str, site: str, device: str) -> CostDocument:
    """The service's cost model of a device; RefusedError when it has none."""
    import msgspec

    from nasc_sdk.cli.asking import ask_service
    from nasc_sdk.cost.table import CostDocument
    from nasc_sdk.protocol.messages import ServiceVerb

    reply = ask_service(broker_url, site, ServiceVerb.COST_MODEL, device, {}, timeout_s=30.0, quiet=True)
    try:
        return msgspec.json.decode(reply, type=CostDocument)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RemoteProtocolError("reply of the service", f"not a cost model: {error}") from error


def open_document(source: str, broker_url: str, site: str) -> CostDocument:
    """A file where one of that name exists or the name ends in .json, else a device's."""
    from nasc_sdk.cost.table import read_document

    path = Path(source)
    return read_document(path) if path.suffix == ".json" or path.exists() else ask_document(broker_url, site, source)


def open_model(source: str, space: SearchSpace) -> CostModel:
    """A file where one of that name exists or the name ends in .json, else the prior of a known device."""
    from nasc_sdk.cost.features import block_features
    from nasc_sdk.cost.table import read_document
    from nasc_sdk.profiling.profile import Conditions
    from nasc_search.calibrate.fit import model_of_known
    from nasc_search.calibrate.operators import known_device
    from nasc_search.export.simplify import simplify_block
    from nasc_search.supernet.sampling import draw

    path = Path(source)
    if path.suffix == ".json" or path.exists():
        return read_document(path).model
    known = known_device(source)
    networks = map(space.network, (*space.covering_archs(), *draw(space, _ARCHS, 0)))
    ops = {op for network in networks for block in network.blocks for op in block_features(simplify_block(block))}
    conditions = Conditions("", "", 1, "", "", label=f"prior of {source}: nothing was measured here")
    return model_of_known(source, known, sorted(ops), conditions)
