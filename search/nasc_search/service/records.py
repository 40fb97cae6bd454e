"""What the service keeps and answers with, as plain values; times in milliseconds, accuracy in 0..1."""

from __future__ import annotations

from dataclasses import dataclass

from nasc_sdk.candidate import Candidate
from nasc_sdk.link.link import Link, LinkSummary
from nasc_sdk.profiling.profile import Power
from nasc_search.joint.constraints import Constraints
from nasc_search.joint.enumerated import Enumerated
from nasc_search.joint.scored import Scored


@dataclass(frozen=True, slots=True)
class Goal:
    """What the user asked for; kept, so that the service can search again by itself."""

    constraints: Constraints
    edge: str = "edge"
    automatic: bool = True
    """Search and deploy again when the link changes."""
    power_w: tuple[float, float] | None = None
    """Busy and idle watts that the user gave; they count instead of the profile's."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One rollout of a candidate to a board and its server."""

    device: str
    candidate: Candidate
    contract: str
    predicted: Scored
    link: Link
    reason: str
    board_version: int
    started_unix_s: float
    seconds: dict[str, float]
    """Wall time of each step: search, prepare, edge, board."""
    fallback: str = ""
    """Contract of the all-local head that was sent along."""


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """One point of an accuracy-latency front."""

    kind: str
    candidate: Candidate
    accuracy: float
    limited_ms: float


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Document of the verb ``search``."""

    device: str
    link: LinkSummary
    link_source: str
    """``measured`` by the board, or ``given`` by the user."""
    constraints: Constraints
    chosen: Scored
    deployed: Scored | None
    """What runs on the board now, over the same link and with what was learned from it in service."""
    deployed_as_profiled: Scored | None
    """The same from the profiles alone."""
    runners_up: tuple[Scored, ...]
    candidates: int
    feasible: int
    search_ms: float
    text: str
    predictor: str
    fronts: tuple[FrontPoint, ...]
    power: Power | None = None
    """What candidates' energy follows from, measured or assumed."""
    enumerated: Enumerated | None = None
    """What stands for a space that is not listed."""
    accuracy_floor: float | None = None
    """Least accuracy, 0..1, where energy or latency counts."""


@dataclass(frozen=True, slots=True)
class DeployAnswer:
    """Document of the verb ``deploy``."""

    deployment: Deployment
    text: str
    fronts: tuple[FrontPoint, ...] = ()
    prepared: int = 0
    """Architectures made ready for other link states."""
    power: Power | None = None
    """What candidates' energy follows from, measured or assumed."""
