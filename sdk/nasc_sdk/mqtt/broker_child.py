"""What runs in the broker's process: ``python -m nasc_sdk.mqtt.broker_child PARENT KIND ARGUMENT...``.

The broker must end with its parent, also when that is killed. mosquitto cannot watch a pipe, so both ask the kernel
(PR_SET_PDEATHSIG, Linux; elsewhere only an orderly end ends the broker). It is asked here and not between fork and
exec in the parent, where a program with threads may run next to nothing safely; exec keeps what was asked.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def main(parent: int, kind: str, arguments: list[str]) -> None:
    """Become mosquitto, or run the embedded broker; does not return."""
    _end_with(parent)
    if kind == "mosquitto":
        os.execv(arguments[0], arguments)
    import logging

    from iotcore.iotcore import IotCoreBroker

    # rumqttd names every packet in a span of level ERROR: the log would fill the disk.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    # It ends by signal only; Python's own handler for SIGTERM is the default one, which is right.
    IotCoreBroker(config_path=arguments[0]).run_forever()


def _end_with(parent: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)  # it died before the kernel knew


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
