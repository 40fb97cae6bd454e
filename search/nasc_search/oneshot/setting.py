"""Setting: the board, server and link that a candidate is searched for, and what it must keep."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from nasc_sdk.cost.model import CostModel
from nasc_sdk.link.link import Link
from nasc_search.joint.constraints import Constraints


@dataclass(frozen=True, slots=True)
class Setting:
    """All that feasibility depends on."""

    board: CostModel
    server: CostModel
    link: Link
    constraints: Constraints

    def __str__(self) -> str:
        limit = f"{self.constraints.limit_ms:g} ms at p{self.constraints.percentile:g}"
        return f"{limit} on {self.board.device} and {self.server.device} over {self.link}"

    @property
    def digest(self) -> str:
        """Equal for equal settings."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]
