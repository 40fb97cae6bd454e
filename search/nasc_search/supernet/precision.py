"""Whether bfloat16 is worth it: only where the processor multiplies such numbers itself."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final, assert_never

_CPUINFO: Final = Path("/proc/cpuinfo")
_INSTRUCTIONS: Final = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""AVX512-BF16 and AMX on x86, BF16 on Arm, as Linux calls them."""


class Precision(StrEnum):
    """In what numbers forward and backward passes are computed; weights are float32 always."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"

    def is_bfloat16(self, cpuinfo: Path = _CPUINFO) -> bool:
        """Whether to compute in bfloat16 here; AUTO looks at the processor's flags."""
        match self:
            case Precision.AUTO:
                return _has_bfloat16(cpuinfo)
            case Precision.FLOAT32:
                return False
            case Precision.BFLOAT16:
                return True
            case _:
                assert_never(self)


def _has_bfloat16(cpuinfo: Path) -> bool:
    """False where the system does not tell."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return False
    flags = (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features")))
    return not _INSTRUCTIONS.isdisjoint(next(flags, []))
