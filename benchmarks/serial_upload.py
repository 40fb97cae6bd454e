"""What share of a serial line an upload takes: every board for hardware, every rate it offers, both framings.

    python -m benchmarks.serial_upload            from the repository's folder; some ten seconds
    python -m benchmarks.serial_upload --json

Needs a C compiler (cc). The firmware, all of it but its hardware's ports, and the client as it comes speak over a line
of ten bits a byte, in virtual time: the clock passes only while both wait. So figures hang on no machine and repeat to
the nanosecond, which is why none is a median of several. Flash takes the longest times of the data sheets, the core
what its instructions take (counted by QEMU, cycles for each assumed); tests/firmware/smp/chips.py has both. The host
and its adapter take 9 ms each way.

Share is of baud / 10 bytes a second, for a head of 200 KB, or as much as a slot holds. Flash is erased before the first
byte is sent, which is counted apart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.firmware.smp.chips import CHIPS
from tests.firmware.smp.paced import Upload, build_paced, upload

from nasc_sdk.cli.output import format_table
from nasc_sdk.mcu.boards import load_boards
from nasc_sdk.mcu.smp_frames import Framing

HEADER = ("board", "baud", "framing", "head", "share of the line", "sending", "erasing before")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    as_json = parser.parse_args().json
    boards = load_boards()
    with tempfile.TemporaryDirectory(prefix="nasc-paced-") as folder:
        program = build_paced(Path(folder))
        found = [
            (name, framing, upload(program, boards[name], baud, framing))
            for name in CHIPS
            for baud in boards[name].serial.offered
            for framing in reversed(Framing)
        ]
    if as_json:
        rows = [{"board": name, "framing": framing.value, "share": taken.share, **asdict(taken)}
                for name, framing, taken in found]  # fmt: skip
        print(json.dumps(rows, indent=2))
    else:
        print(format_table(HEADER, [_row(*one) for one in found]))


def _row(name: str, framing: Framing, taken: Upload) -> tuple[str, ...]:
    sending_s = taken.seconds - taken.erasing_s
    return (
        name, str(taken.baud), framing.value, f"{taken.plan_bytes / 1000:.0f} KB", f"{taken.share:.1%}",
        f"{sending_s:.2f} s", f"{taken.erasing_s:.1f} s",
    )  # fmt: skip


if __name__ == "__main__":
    main()
