"""A Python that has no Zstandard, as after a plain ``pip install nasc-sdk`` below 3.14."""

from __future__ import annotations

import subprocess
import sys

# None is what the import system takes for a module that is not there.
_ABSENT = "import sys\nsys.modules['zstandard'] = sys.modules['compression.zstd'] = None\n"


def printed_without_zstd(code, *arguments):
    """What ``code`` prints in it; ``arguments`` are its ``sys.argv[1:]``."""
    command = [sys.executable, "-c", _ABSENT + code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
