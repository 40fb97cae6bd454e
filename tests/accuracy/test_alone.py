import json
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from nasc_sdk.ir.network import BlockKind, TensorSpec
from nasc_search.accuracy.alone import alone_score, convolution_depth
from nasc_search.accuracy.predictor import AccuracyPredictor
from nasc_search.accuracy.ranking import kendall
from nasc_search.pretrained.load import load_accuracies
from nasc_search.spaces.fbnet import CIFAR, FBNetMacro, FBNetSpace
from nasc_search.spaces.nb201 import Macro, NB201Space, format_arch, parse_arch

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(os.environ.get("NASC_SHARED_DATA", ROOT.parent / "shared" / "data")) / "nb201_accuracy.npz"
REFERENCE = ROOT / "benchmarks" / "data" / "ranking_reference.json"
SPACE = NB201Space(Macro(TensorSpec(28, 28, 1), 10))


@pytest.fixture(scope="module")
def shipped():
    path = Path(str(files("nasc_search.pretrained").joinpath("fashion_mnist", "accuracy.npz")))
    return load_accuracies(path)


def depth(arch):
    return convolution_depth(next(b for b in SPACE.network(arch).blocks if b.kind is BlockKind.CELL))


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        ("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|", 3.0),
        ("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|nor_conv_1x1~0|nor_conv_1x1~1|nor_conv_1x1~2|", 2.0),
        ("|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|nor_conv_3x3~2|", 1.0),
        ("|avg_pool_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|", 0.0),
    ],
)
def test_depth_is_that_of_the_path_with_most_convolutions(arch, expected):
    assert depth(arch) == expected


def test_networks_without_cells_rank_by_their_accuracy():
    space = FBNetSpace(FBNetMacro.of(CIFAR, TensorSpec(32, 32, 3), 10, width=0.25))
    network = space.network(space.covering_archs()[0])
    assert alone_score(network, 0.7) == 0.7


def correlations(archs, accuracies, truth):
    scores = [alone_score(SPACE.network(arch), accuracy) for arch, accuracy in zip(archs, accuracies, strict=True)]
    return kendall(accuracies, truth), kendall([depth(arch) for arch in archs], truth), kendall(scores, truth)


@pytest.mark.skipif(not TABLE.exists(), reason="NAS-Bench-201's accuracies are not at hand")
def test_it_ranks_nas_bench_201_better_than_shared_weights_or_depth_alone(shipped):
    with np.load(TABLE, allow_pickle=False) as data:
        rows = {format_arch(row): index for index, row in enumerate(data["ops"].tolist())}
        for key in ("cifar10_test_200", "cifar100_test_200"):
            truth = data[key][[rows[arch] for arch in shipped]]
            shared, deep, both = correlations(list(shipped), list(shipped.values()), truth)
            assert shared < 0.5
            assert both > deep + 0.04
            assert both > 0.69


def test_it_ranks_networks_trained_alone_on_the_same_data(shipped):
    reference = json.loads(REFERENCE.read_text())
    archs = [arch for arch in reference if arch not in shipped]
    known = np.array([parse_arch(arch) for arch in shipped])
    predictor = AccuracyPredictor.fit(known, np.array(list(shipped.values())))
    predicted = predictor.predict(np.array([parse_arch(arch) for arch in archs])).tolist()
    shared, _, both = correlations(archs, predicted, [np.mean(list(reference[arch].values())) for arch in archs])
    assert len(archs) >= 20
    assert both >= 0.75 > shared
