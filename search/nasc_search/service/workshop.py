"""Workshop: sub-networks made ready for export and evaluation, the recently used ones kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from nasc_sdk.candidate import Candidate
from nasc_sdk.entropy import known_codings
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import Network
from nasc_search.accuracy.keys import accuracy_key
from nasc_search.data.dataset import Dataset
from nasc_search.encodings.encoded import EncodedNetwork, encode, encode_plainly
from nasc_search.encodings.shares import Shares, measure_shares, narrowed_cuts, packed_cuts
from nasc_search.export.quantize import QuantizedNetwork, quantize
from nasc_search.pretrained.load import Pretrained
from nasc_search.supernet.finetune import finetune
from nasc_search.supernet.fold import FoldedNetwork, recalibrate
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.own_weights import OwnWeights
from nasc_search.supernet.pace import StepReport
from nasc_search.supernet.retrain import FineTuned

RANGE_IMAGES: Final = 256
LIGHT_IMAGES: Final = 8
CODED_IMAGES: Final = 64
_KEEP: Final = 24


@dataclass(frozen=True, slots=True)
class Prepared:
    """One sub-network with its own weights, in float and in int8."""

    network: Network
    supernet: Supernet
    """That its weights are of: the shared ones, or its own among them."""
    folded: FoldedNetwork
    quantized: QuantizedNetwork
    version: str
    """Digest of architecture and weights."""
    encoded: dict[str, EncodedNetwork] = field(default_factory=dict)
    """By :func:`nasc_search.accuracy.keys.accuracy_key`, as they were asked for."""


class Workshop:
    """Folds, quantizes and evaluates sub-networks of one supernet on one data set; fine-tuned ones have own weights."""

    def __init__(self, supernet: Supernet, dataset: Dataset, own: OwnWeights | None = None) -> None:
        self.supernet = supernet.eval()
        self.dataset = dataset
        self._own = own
        self._calibration = torch.from_numpy(dataset.normalise(dataset.calibration.images))
        self._validation = torch.from_numpy(dataset.normalise(dataset.validation.images))
        self._labels = torch.from_numpy(dataset.validation.labels)
        self._ready: OrderedDict[str, Prepared] = OrderedDict()

    @property
    def ready(self) -> frozenset[str]:
        """What can be exported at once, by :func:`nasc_search.accuracy.keys.accuracy_key`."""
        return frozenset(key for arch, prepared in self._ready.items() for key in (arch, *prepared.encoded))

    def prepare(self, arch: str) -> Prepared:
        """The sub-network calibrated on all calibration images; InputError when the space does not know it."""
        if arch not in self._ready:
            self._ready[arch] = self._make(arch, len(self._calibration), RANGE_IMAGES)
            while len(self._ready) > _KEEP:
                self._ready.popitem(last=False)
        self._ready.move_to_end(arch)
        return self._ready[arch]

    def prepare_light(self, arch: str) -> Prepared:
        """The same on few images: good enough to be timed, not to be deployed; not kept."""
        return self._ready.get(arch) or self._make(arch, LIGHT_IMAGES, LIGHT_IMAGES)

    def encode(self, candidate: Candidate) -> EncodedNetwork:
        """The sub-network cut and encoded; InputError when the cut has no such encoding."""
        prepared, encoding = self.prepare(candidate.arch), candidate.encoding
        key = accuracy_key(candidate)
        if key == candidate.arch:
            return encode_plainly(prepared.folded, prepared.quantized, candidate.cut, encoding)
        if key not in prepared.encoded:
            supernet = (self._own.get(key, prepared.supernet) if self._own else None) or prepared.supernet
            place = supernet, prepared.network, candidate.cut
            prepared.encoded[key] = encode(*place, encoding, self._calibration, RANGE_IMAGES)
        found = prepared.encoded[key]
        # Entropy coding changes the contract, nothing else.
        return replace(found, contract=replace(found.contract, encoding=encoding))

    def accuracy(self, candidate: Candidate) -> float:
        """Accuracy on the validation images, 0..1, in float but for the codes at the cut."""
        return self.encode(candidate).folded.accuracy(self._validation, self._labels)

    def finetune(self, arch: str, epochs: int, report: Callable[[StepReport], None]) -> FineTuned:
        """Train the sub-network alone; its weights are used from now on where they are better.

        Raises InputError without training images.
        """
        present = self.prepare(arch).folded
        tuned = finetune(self.supernet, arch, self.dataset, epochs, report, present=present)
        if tuned.better and self._own is not None:
            self._own.put(arch, tuned.supernet)
            self._ready.pop(arch, None)
        return tuned

    def shares(self, arch: str) -> Shares:
        """What entropy coding leaves of each cut, measured on this architecture."""
        prepared, images = self.prepare(arch), self._calibration[:CODED_IMAGES]
        whole = packed_cuts(prepared.folded, prepared.quantized, images)
        narrowed = narrowed_cuts(prepared.supernet, prepared.folded, images)
        return measure_shares(chain(whole, narrowed), known_codings())

    def sample_image(self) -> NDArray[np.float32]:
        """One calibration image (1, C, H, W), for golden inputs and activations."""
        return np.asarray(self._calibration[:1].numpy())

    def _make(self, arch: str, images: int, range_images: int) -> Prepared:
        network = self.supernet.space.network(arch)
        supernet = (self._own.get(arch, self.supernet) if self._own else None) or self.supernet
        weights = recalibrate(supernet, network, self._calibration[:images])
        folded = FoldedNetwork(network, weights)
        quantized = quantize(network, weights, folded.ranges(self._calibration[:range_images]))
        return Prepared(network, supernet, folded, quantized, folded.version)


def open_workshop(trained: Pretrained, dataset: Dataset, directory: Path) -> Workshop:
    """With the weights that sub-networks have of their own: of ``directory``, or else of the pretrained folder.

    InputError when the supernet was trained for other images or classes.
    """
    space = trained.supernet.space
    network = space.network(trained.catalogue.archs[0])
    if dataset.input != network.input or len(dataset.classes) != network.output.channels:
        raise InputError(
            f"the supernet {space.name} is not for {dataset.name}: {dataset.input}, {len(dataset.classes)} classes"
        )
    own = OwnWeights(directory / "own-weights", trained.weights, trained.own_folder)
    return Workshop(trained.supernet, dataset, own)
