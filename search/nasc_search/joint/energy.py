"""Energy of the board for one request, millijoules: watts while computing, watts while waiting, and predicted medians.

``busy_w * (head + encoding) + idle_w * (transfer + tail + decoding + reply)``. The board counts until the answer is
there; what it takes between requests is the same for every candidate. What its radio takes beyond idle while it sends
is not known, and counted as nothing: on boards whose radio is hungry, splits take more than this says. The server's
energy does not count.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from nasc_sdk.link.link import Link
from nasc_search.joint.table import Array, CandidateTable

_EVERY: Final = (slice(None), slice(None))


def energy_mj(table: CandidateTable, link: Link) -> Array:
    """[A, K, E] of every candidate over a link, at the table's ``power``; infinite where there is none."""
    sending = sending_mj(table, table.transfer_ms(link, 50.0))
    total = fixed_mj(table)[:, :, None] + (sending + coding_mj(table))[None]
    return np.where(table.legal[None], total, np.inf)


def fixed_mj(table: CandidateTable, at: tuple[Any, Any] = _EVERY) -> Array:
    """All but the transfer, of the rows and cuts ``at``; watts times milliseconds are millijoules."""
    remote = (np.arange(table.cuts) < table.cuts - 1)[at[1]]
    overheads, power = table.overheads, table.power
    busy_ms = table.head_ms[at] + overheads.encode_ms * remote
    waiting_ms = table.tail_ms[at] + (overheads.decode_ms + overheads.reply_ms) * remote
    return np.asarray(power.busy_w * busy_ms + power.idle_w * waiting_ms, np.float64)


def coding_mj(table: CandidateTable) -> Array:
    """[K, E] of encoding, and of waiting while the server decodes."""
    power, coding = table.power, table.coding
    return np.asarray(power.busy_w * coding.head_ms + power.idle_w * coding.tail_ms, np.float64)


def sending_mj(table: CandidateTable, transfer_ms: Array | float) -> Array:
    """While the transfer of so many milliseconds lasts, the board waits."""
    return np.asarray(table.power.idle_w * transfer_ms, np.float64)
