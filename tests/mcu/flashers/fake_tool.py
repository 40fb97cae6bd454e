"""Executables that record how they were called, do what a test wants, and end as it wants."""

import json
import sys


class FakeTool:
    """Put into a folder that is on PATH. ``body``: Python run with ``arguments``, after they are recorded."""

    def __init__(self, folder, name, body=""):
        self._log, self._program = folder / f"{name}.calls", folder / name
        self.rewrite(body)

    def rewrite(self, body):
        """From now on it does this."""
        self._program.write_text(
            f"#!{sys.executable} -S\nimport json, sys\narguments = sys.argv[1:]\n"
            f"open({str(self._log)!r}, 'a').write(json.dumps(arguments) + '\\n')\n{body}\n"
        )
        self._program.chmod(0o755)

    @property
    def calls(self):
        """Arguments of each call."""
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []
