"""A process of its own for pickles of strangers: little memory, little time, no core file; it leaves plain arrays.

The machine that reads them executes nothing (``pickle_machine.py``). The process is for its mistakes: what it may use
is bounded by the system, and its parent looks at what it left as at anybody's file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import msgspec

from nasc_sdk.errors import InputError, NascError, StorageError
from nasc_sdk.processes import converse

MEMORY_BYTES: Final = 480 << 20
"""Address space of the child, so that it stays below 512 MB whatever it holds."""
CPU_S: Final = 90
TIMEOUT_S: Final = 180.0
_WRITTEN_BYTES: Final = 256 << 20


class Outcome(msgspec.Struct, frozen=True):
    """What the child says when it is done."""

    refused: str = ""
    """Why the file cannot be used; empty when it was."""
    storage: str = ""
    """Why the tables could not be written."""
    left_out: tuple[str, ...] = ()
    order_checked: bool = False
    peak_memory_bytes: int = 0


def convert(data: bytes, folder: Path, where: str, timeout_s: float = TIMEOUT_S) -> Outcome:
    """Turn the bytes of HW-NAS-Bench's pickle into .npz files in ``folder``, in a confined process.

    Raises InputError when the file is refused or is too much for the process, StorageError.
    """
    if sys.platform == "win32":
        raise InputError(f"{where}: pickles are read where the system bounds a process; import it on Linux or macOS")
    command = [sys.executable, "-P", "-m", "nasc_search.measured.confined", str(folder.absolute())]
    output, ended = converse(command, data, timeout_s)
    try:
        outcome = msgspec.json.decode(output, type=Outcome)
    except msgspec.DecodeError as error:
        raise InputError(f"{where}: the process that read it {ended}; the file is damaged, or hostile") from error
    if outcome.refused:
        raise InputError(f"{where}: {outcome.refused}")
    if outcome.storage:
        raise StorageError(str(folder), outcome.storage)
    return outcome


def main() -> None:
    """The child: a pickle on standard input, tables in the folder that is given, one JSON document as answer."""
    confine()
    answer = _outcome(sys.stdin.buffer.read(), Path(sys.argv[1]))
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def _outcome(data: bytes, folder: Path) -> Outcome:
    from nasc_search.measured.hwnasbench import keep, write_tables
    from nasc_search.measured.pickle_machine import read_pickle

    try:
        kept = keep(read_pickle(data))
        write_tables(kept, folder)
    except StorageError as error:
        return Outcome(storage=error.reason, peak_memory_bytes=peak_memory_bytes())
    except NascError as error:
        return Outcome(refused=str(error), peak_memory_bytes=peak_memory_bytes())
    except MemoryError:
        reason = f"it needs more than {MEMORY_BYTES >> 20} MiB of memory, which the official file does not"
        return Outcome(refused=reason, peak_memory_bytes=peak_memory_bytes())
    return Outcome("", "", kept.left_out, kept.order_checked, peak_memory_bytes())


def confine() -> None:
    """Bound this process for good: memory, processor time, written bytes, no core file."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_WRITTEN_BYTES, _WRITTEN_BYTES))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def peak_memory_bytes() -> int:
    """Most memory this process has held at once; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    # Not ru_maxrss: that one starts from what the parent held when it forked.
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    main()
