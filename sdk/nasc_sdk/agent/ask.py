"""``nasc-sdk infer`` through an agent: finds it, reads the files, asks, writes the logits."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from nasc_sdk.agent.client import InferReport, Progress, infer_with_agent
from nasc_sdk.errors import InputError, UnreachableError
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.mqtt.presence import read_state
from nasc_sdk.protocol.local import Answer
from nasc_sdk.protocol.topics import Topics
from nasc_sdk.runtime.arrays import read_npy, write_npy

FIND_TIMEOUT_S: Final = 10.0


def infer_files(
    address: str, input_path: Path, labels_path: Path | None, output_path: Path | None, on_progress: Progress
) -> InferReport:
    """Run a file of images through the agent at ``host:port``.

    The output holds logits, float32, one row an image, NaN where there was no answer. Raises InputError,
    StorageError, UnreachableError; when the agent is lost on the way, the output holds what was answered before.
    """
    images = read_npy(input_path)
    labels = None if labels_path is None else read_npy(labels_path)
    rows: dict[int, tuple[float, ...]] = {}

    def keep(index: int, answer: Answer) -> None:
        if output_path is not None:
            rows[index] = answer.logits

    try:
        report = infer_with_agent(address, images, labels, on_progress, on_answer=keep)
    except UnreachableError as error:
        if not rows or output_path is None:
            raise
        write_npy(output_path, _logits(rows, len(images)))
        kept = f"the {len(rows)} answers before that, of {len(images)}, are in {output_path}"
        raise UnreachableError(error.peer, f"{error.reason}; {kept}") from error
    if output_path is not None:
        write_npy(output_path, _logits(rows, report.requests))
    return report


def _logits(rows: dict[int, tuple[float, ...]], count: int) -> NDArray[np.float32]:
    sizes = {len(row) for row in rows.values()}
    if len(sizes) > 1:
        raise InputError("networks with different numbers of classes answered; their logits fit no one array")
    logits = np.full((count, max(sizes, default=0)), np.nan, np.float32)
    for index, row in rows.items():
        logits[index] = row
    return logits


def find_agent(broker_url: str, site: str, device: str) -> str:
    """host:port of a device's local port, from its retained State; raises UnreachableError."""
    found, addresses = threading.Event(), []
    topic = Topics(site, device).state

    def on_state(topic: str, payload: bytes) -> None:
        state = read_state(topic, payload)
        if state is not None and state.online and state.address:
            addresses.append(state.address)
            found.set()

    client = MqttClient(broker_url, f"nasc-infer-{uuid4().hex[:12]}")
    client.subscribe(topic, on_state)
    try:
        client.connect(FIND_TIMEOUT_S)
        if not found.wait(FIND_TIMEOUT_S):
            raise UnreachableError(f"device {device}", f"is not online at site {site} (nasc-sdk status shows who is)")
    finally:
        client.close()
    return addresses[-1]
