"""Costs of layers against whole heads and tails, as the cost model predicts them."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.candidate import INT8
from nasc_sdk.cost.features import block_features, block_key
from nasc_sdk.cost.model import CostModel, predict_blocks, predict_heads
from nasc_sdk.errors import InputError
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.profiling.profile import Conditions
from nasc_search.export.simplify import simplify
from nasc_search.layered.costs import layered_costs
from nasc_search.spaces.fbnet import OPS, FBNetMacro, FBNetSpace

SPACE = FBNetSpace(FBNetMacro(TensorSpec(16, 12, 3), 4, 0.5, (1, 2, 1, 0, 0, 1, 0)))
CONDITIONS = Conditions("synthetic", "reference", 1, "none", "none")


def cost_model(seed, invocation_us, space=SPACE, share=1.0):
    """A device that knows every operator of the space; ``share`` of the usual times."""
    rng = np.random.default_rng(seed)
    networks = [space.network(arch) for arch in space.covering_archs()]
    ops = sorted({op for network in networks for block in simplify(network).blocks for op in block_features(block)})
    times = share * rng.uniform(1, 50, len(ops))
    covariance = np.diag(np.square(0.01 * np.array([invocation_us, *times])))
    return CostModel(
        f"device {seed}", CONDITIONS, tuple(ops), tuple(times.tolist()), tuple(map(tuple, covariance.tolist())),
        invocation_us,
    )  # fmt: skip


BOARD, SERVER = cost_model(0, 20.0), cost_model(1, 7.0)
COSTS = layered_costs(SPACE, BOARD, SERVER)


def summed(costs, code, cut):
    """Board and server by the documented sums."""
    layers = np.arange(len(code))
    board, server = costs.board_ms[layers, code], costs.server_ms[layers, code]
    last = len(code) + 2
    on_board = 0.0 if cut == 0 else costs.stem_board_ms + board[: max(cut - 1, 0)].sum()
    on_server = 0.0 if cut == last else costs.classifier_server_ms + server[max(cut - 1, 0) :].sum()
    return on_board + costs.classifier_board_ms * (cut == last), on_server + costs.stem_server_ms * (cut == 0)


@pytest.mark.parametrize("seed", range(8))
def test_sums_are_what_the_cost_model_predicts_of_heads_and_tails(seed):
    arch = SPACE.sample(np.random.default_rng(seed))
    keys = [block_key(block) for block in simplify(SPACE.network(arch)).blocks]
    for cut in range(len(keys) + 1):
        board, server = summed(COSTS, list(SPACE.encode(arch)), cut)
        assert board == pytest.approx(predict_heads(BOARD, [keys[:cut]]).us[0] / 1000)
        assert server == pytest.approx(predict_heads(SERVER, [keys[cut:]]).us[0] / 1000)


def test_payloads_are_those_of_the_cuts():
    network = SPACE.network(SPACE.covering_archs()[0])
    expected = [INT8.payload_bytes(network.cut_spec(cut)) for cut in network.cuts]
    assert COSTS.payload_bytes[:-1].tolist() == expected[:-1]
    assert COSTS.payload_bytes[-1] == 0
    assert len(COSTS.payload_bytes) == len(SPACE.layers) + 3 == len(network.cuts)


def test_all_choices_of_fbnet_are_legal_and_a_skip_of_equal_shape_is_free():
    assert COSTS.legal.all()
    assert COSTS.board_ms.shape == (len(SPACE.layers), 9)
    free = [layer.input == layer.output for layer in SPACE.layers]
    assert (COSTS.board_ms[:, 8] == 0).tolist() == free
    assert any(free)
    assert not all(free)


class WithoutSkips(FBNetSpace):
    """Skips only where they are nothing; one layer has eight choices."""

    @property
    def choices(self):
        return (8, *(9,) * (len(self.layers) - 1))

    def layer(self, index, choice):
        if choice == 8 and self.layers[index].input != self.layers[index].output:
            raise InputError("no skip here")
        return super().layer(index, choice)


def test_choices_that_a_layer_does_not_take_are_infinite():
    space = WithoutSkips(SPACE.macro)
    costs = layered_costs(space, BOARD, SERVER)
    taken = [index > 0 and layer.input == layer.output for index, layer in enumerate(space.layers)]
    assert costs.legal[:, 8].tolist() == taken
    assert costs.legal[:, :8].all()
    assert (np.isinf(costs.server_ms) == ~costs.legal).all()
    np.testing.assert_allclose(costs.board_ms[costs.legal], COSTS.board_ms[costs.legal], rtol=1e-12)


class Shut(FBNetSpace):
    """Nothing is taken at the second layer."""

    def layer(self, index, choice):
        if index == 1:
            raise InputError("closed")
        return super().layer(index, choice)


def test_a_layer_that_takes_nothing_is_refused():
    with pytest.raises(InputError, match="layer 1 takes no choice"):
        layered_costs(Shut(SPACE.macro), BOARD, SERVER)


@pytest.mark.parametrize(
    "wrong",
    [
        {"board_ms": np.zeros((3, 9))},
        {"board_ms": np.zeros(5), "server_ms": np.zeros(5)},
        {"board_ms": np.zeros((0, 9)), "server_ms": np.zeros((0, 9))},
        {"board_ms": np.full((5, 9), np.nan)},
        {"board_ms": np.full((5, 9), -np.inf)},
        {"board_ms": np.full((5, 9), np.inf)},
        {"board_ms": np.full((5, 9), np.inf), "server_ms": np.full((5, 9), np.inf)},
        {"payload_bytes": np.zeros(7, np.int64)},
        {"stem_board_ms": float("nan")},
        {"classifier_server_ms": float("inf")},
    ],
    ids=lambda wrong: " ".join(f"{name} {np.shape(value)} {np.ravel(value)[:1]}" for name, value in wrong.items()),
)
def test_arrays_that_do_not_fit_are_refused(wrong):
    with pytest.raises(InputError):
        replace(COSTS, **wrong)


def test_a_device_that_knows_nothing_is_refused():
    unknown = CostModel("unknown", CONDITIONS, (), (), ((1.0,),), 5.0)
    with pytest.raises(InputError, match="knows no operator"):
        layered_costs(SPACE, BOARD, unknown)


def test_operators_that_were_never_measured_are_scaled():
    key = "conv1x1 16x12x12"
    kept = [index for index, op in enumerate(BOARD.op_keys) if op != key]
    some = CostModel(
        "some", CONDITIONS, tuple(BOARD.op_keys[index] for index in kept), tuple(BOARD.op_us[index] for index in kept),
        tuple(tuple(BOARD.covariance[a][b] for b in (0, *(i + 1 for i in kept))) for a in (0, *(i + 1 for i in kept))),
        20.0,
    )  # fmt: skip
    assert predict_blocks(some, [f"cell|{key}*1"]).extrapolated == (key,)
    changed = layered_costs(SPACE, some, SERVER).board_ms != COSTS.board_ms
    assert changed.any()
    assert not changed.all()


def test_a_grouped_operator_takes_as_long_as_the_dense_one_that_runs():
    grouped, dense = (OPS.index(name) for name in ("k3_e1_g2", "k3_e1"))
    np.testing.assert_array_equal(COSTS.board_ms[:, grouped], COSTS.board_ms[:, dense])
