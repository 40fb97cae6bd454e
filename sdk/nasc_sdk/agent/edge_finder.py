"""EdgeFinder: learns from the States of a site where its edge server is."""

from __future__ import annotations

import logging
from collections.abc import Callable

from nasc_sdk.errors import InputError
from nasc_sdk.link.shape import parse_address
from nasc_sdk.protocol.messages import Role, State

_log = logging.getLogger(__name__)


class EdgeFinder:
    """Follows the States of a site's edge servers."""

    def __init__(self, found: Callable[[tuple[str, int]], None], in_use: Callable[[], bool]) -> None:
        """``found`` gets an address to use; ``in_use`` says whether the present server answers."""
        self._found, self._in_use = found, in_use
        self._device = ""

    def heard(self, state: State) -> None:
        """Take a server's address. One that is offline is kept: it may have lost only the broker."""
        if state.role is not Role.EDGE or not state.online or not state.address:
            return
        if self._device not in ("", state.device) and self._in_use():
            return
        try:
            address = parse_address(state.address)
        except InputError as error:
            _log.warning("edge server %s: %s", state.device, error)
            return
        self._device = state.device
        self._found(address)
