"""The search service's process: everything opened, one ready line, ended by SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

import torch

from nasc_sdk.durable import sole_user
from nasc_sdk.mqtt.client import MqttClient
from nasc_search.accuracy.function import output_aside
from nasc_search.data.registry import load_dataset
from nasc_search.layered.pool import architectures
from nasc_search.pretrained.load import open_pretrained
from nasc_search.pretrained.shares import open_shares
from nasc_search.service.accuracy_source import Asked, open_outside
from nasc_search.service.heartbeat import Say, heartbeat
from nasc_search.service.planner import Planner
from nasc_search.service.service import Service
from nasc_search.service.store import Store
from nasc_search.service.workshop import open_workshop

_NICE: Final = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What the process is told."""

    broker_url: str
    site: str
    directory: Path
    pretrained: Path | None
    dataset: str
    data: Path | None
    threads: int
    accuracy: Asked


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT; raises NascError when it cannot start."""
    torch.set_num_threads(options.threads)
    # Evaluating networks takes whole seconds: never at the expense of a server or board on the same machine.
    os.nice(_NICE)
    with sole_user(options.directory), output_aside() as output:
        _serve(options, output)


def _serve(options: Options, output: TextIO) -> None:
    def tell(**document: Any) -> None:
        output.write(json.dumps(document) + "\n")
        output.flush()

    # A slow machine, a space that was never listed or a user's function: whoever waits hears of what takes long.
    with heartbeat(lambda text: tell(starting=text)) as speak:
        service, ready = open_service(options, speak)
    # Only now: until here a signal ends the process at once, whatever a user's function does.
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    service.start()
    tell(**ready)
    stopped.wait()
    service.close()


def open_service(options: Options, speak: Say) -> tuple[Service, dict[str, Any]]:
    """The service, not connected yet, and what its ready line says; ``speak`` is told what is being done."""
    directory = options.directory
    speak("opening the supernet")
    trained = open_pretrained(
        options.pretrained, directory, lambda done, total: speak(f"listing architectures: {done} of {total}")
    )
    dataset = load_dataset(options.dataset, options.data)
    workshop = open_workshop(trained, dataset, directory)
    space = trained.supernet.space
    store = Store(directory / "service.sqlite")
    evaluated = store.accuracies(trained.weights) | trained.coded | trained.evaluated
    outside = open_outside(options.accuracy, space, tuple(trained.evaluated), store, speak)
    speak("measuring what entropy coding leaves of the cuts")
    sent = open_shares(trained.shares, directory, trained.weights, trained.evaluated, workshop.shares)
    speak("fitting the accuracy predictors")
    planner = Planner(space, trained.catalogue, evaluated, sent=sent, outside=outside)
    planner.add(trained.own_accuracy | store.accuracies(trained.weights))
    client = MqttClient(options.broker_url, f"nasc-{options.site}-service")
    ready = {
        "space": space.name,
        "archs": architectures(space, planner.catalogue),
        "accuracy": planner.source.name,
        "predictor": planner.report,
    }
    return Service(client, options.site, store, workshop, planner, trained.weights), ready
