"""Where ``cost-model`` verbs take a cost model from: a file, or the search service's memory of a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nasc_sdk.errors import RemoteProtocolError

if TYPE_CHECKING:
    from nasc_sdk.cost.table import CostDocument


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
