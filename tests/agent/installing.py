"""A process that installs one version: ``python -m tests.agent.installing DIRECTORY STORE VERSION BLOB...``."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

from nasc_sdk.agent import faults, slots
from nasc_sdk.agent.slots import HeadStore
from nasc_sdk.errors import NascError
from nasc_sdk.refusal import code_of
from tests.agent.heads import contracts, installer_at


class RecordFirst(HeadStore):
    """Broken on purpose: one slot, and its record is written before the bundles it names."""

    def __init__(self, state_dir):
        super().__init__(state_dir)
        self._kept = []

    def keep(self, data):
        self._kept.append(data)
        return slots.sha256(data)

    def commit(self, version, digests):
        record = slots.Record(1, version, tuple(digests))
        self._write_record(slots._RECORDS[0], record)
        faults.reach(faults.RECORD_STORED)
        for data in self._kept:
            super().keep(data)
        self.collect()
        return record


def main():
    directory, store, version, *blobs = sys.argv[1:]
    installer = installer_at(Path(directory), store={"sound": HeadStore, "broken": RecordFirst}[store])
    before = contracts(installer.restore())
    if limit := os.environ.get("FILE_LIMIT"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    code, switched = "", []
    try:
        installer.install(
            int(version), [Path(blob).read_bytes() for blob in blobs], lambda heads: switched.append(contracts(heads))
        )
    except NascError as error:
        code = code_of(error)
    said = {"before": before, "after": installer.contracts, "code": code, "switched": switched}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
