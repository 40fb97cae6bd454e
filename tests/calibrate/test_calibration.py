"""A board whose heads take known times: the calibration has to find them with few measurements."""

import math
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.cost.calibrated import Stop
from nasc_sdk.cost.features import parse_key
from nasc_sdk.cost.model import predict_heads
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import Measurement, Profile, Timing, Validity
from nasc_search.calibrate.calibration import Budget, Calibration
from nasc_search.calibrate.operators import known_device
from nasc_search.joint.catalogue import build_catalogue
from tests.calibrate import synthetic

NOISE = 0.005


@pytest.fixture(scope="module")
def catalogue():
    return build_catalogue(synthetic.SPACE)


class Board:
    """Times designs; ``speed`` is what a clock would show: half of it doubles every time."""

    def __init__(self, seed=0):
        self.rng, self.speed, self.asked = np.random.default_rng(seed), 1.0, []

    def measure(self, design, *, tails=False, busy_s=0.5):
        heads = []
        for number, head in enumerate(design.heads):
            key = head.tail_key if tails else head.head_key
            us = synthetic.true_us(parse_key(key)) / self.speed * (1 + NOISE * self.rng.normal())
            heads.append(Measurement(key, f"head {number}", "", Timing(us, us * 1.02, us * 0.99, 9)))
        self.asked.append(len(heads))
        return Profile("board", synthetic.CONDITIONS, (), tuple(heads), duration_s=busy_s)


def start(catalogue, budget=None, **options):
    important = np.zeros(len(catalogue.archs), bool)
    important[:500] = True
    return Calibration(catalogue, important, budget or Budget(), 1, **options)


def run(calibration, board, **options):
    while calibration.stop is None:
        calibration.tell(board.measure(calibration.ask(), **options))
    return calibration


def test_a_handful_of_heads_predicts_the_others(catalogue):
    calibration = run(start(catalogue, Budget(precision=0.04)), Board())
    profile, model, report = calibration.result
    assert len(profile.heads) <= 20
    assert report.heads == len(profile.heads)
    last = calibration.steps[-1]
    assert last.mean_error < 0.04
    assert last.rank_correlation > 0.95
    assert len(last.held_out) == 10
    rng = np.random.default_rng(9)
    heads = [synthetic.keys_of(synthetic.SPACE.sample(rng)) for _ in range(60)]
    true = np.array([synthetic.true_us(keys) for keys in heads])
    found = predict_heads(model, heads)
    assert np.abs(found.us / true - 1).mean() < 0.04
    low, high = found.interval()
    assert ((low <= true) & (true <= high)).mean() > 0.75


def test_every_batch_makes_it_surer(catalogue):
    calibration = run(start(catalogue, Budget(precision=0.001, heads=24)), Board())
    assert calibration.stop is Stop.BUDGET
    sure = [step.interval for step in calibration.steps]
    assert sure[-1] < sure[0] / 2
    assert [step.measured_heads for step in calibration.steps] == [8, 12, 16, 20, 24]
    assert calibration.ask().heads == ()


def test_chosen_heads_tell_more_than_the_same_number_at_random(catalogue):
    from nasc_search.calibrate.design import profile_design
    from nasc_search.calibrate.fit import fit

    _, model, _ = run(start(catalogue, Budget(precision=0.001, heads=12, held_out=0)), Board()).result
    rng = np.random.default_rng(3)
    heads = [synthetic.keys_of(synthetic.SPACE.sample(rng))[: 1 + index % 8] for index in range(80)]
    true = np.array([synthetic.true_us(keys) for keys in heads])
    chosen = np.abs(predict_heads(model, heads).us / true - 1).mean()
    others = []
    for seed in range(4):
        design = profile_design(catalogue, seed, heads=12)
        model, _ = fit(Board(seed).measure(replace(design, blocks=())))
        others.append(np.abs(predict_heads(model, heads).us / true - 1).mean())
    assert chosen < np.mean(others)


def test_it_stops_when_it_is_precise_enough_or_time_is_up(catalogue):
    easy = run(start(catalogue, Budget(precision=0.5)), Board())
    assert easy.stop is Stop.PRECISE
    assert easy.steps[-1].measured_heads == 8
    slow = run(start(catalogue, Budget(precision=0.001, board_s=1.0)), Board(), busy_s=2.0)
    assert slow.stop is Stop.TIME


def test_a_machine_that_changed_its_speed_is_asked_again_then_read_at_the_first_speed(catalogue):
    calibration, board = start(catalogue, Budget(precision=0.001, heads=12, held_out=4)), Board()
    calibration.tell(board.measure(calibration.ask()))
    board.speed = 0.66
    asked = calibration.ask()
    assert calibration.tell(board.measure(asked)) is None
    assert calibration.ask().heads == asked.heads
    assert calibration.tell(board.measure(asked)) is None
    step = calibration.tell(board.measure(asked))
    assert step is not None
    assert step.speed == pytest.approx(0.66, abs=0.02)
    assert step.board_s == pytest.approx(2.0)
    profile, _, _ = calibration.result
    assert [head.validity for head in profile.heads[8:]] == [Validity.DEGRADED] * 4
    for head in profile.heads:
        assert head.timing.median == pytest.approx(synthetic.true_us(parse_key(head.key)), rel=0.05)


def test_a_machine_that_comes_back_to_speed_loses_nothing(catalogue):
    calibration, board = start(catalogue, Budget(precision=0.001, heads=12)), Board()
    calibration.tell(board.measure(calibration.ask()))
    board.speed = 0.66
    assert calibration.tell(board.measure(calibration.ask())) is None
    board.speed = 1.0
    assert calibration.tell(board.measure(calibration.ask())) is not None
    assert all(head.validity is Validity.VALID for head in calibration.result[0].heads)


def test_tails_of_a_server(catalogue):
    calibration = run(start(catalogue, tails=True), Board(), tails=True)
    assert calibration.steps[-1].mean_error < 0.05


def test_what_is_held_out_is_never_fitted_on(catalogue):
    board = Board()
    told = []
    calibration = start(catalogue, Budget(precision=0.001, heads=500, held_out=60, board_s=1e6))
    while calibration.stop is None:
        profile = board.measure(calibration.ask())
        told.append([head.key for head in profile.heads])
        calibration.tell(profile)
    held = set(told[0][:60])
    assert len(held) == 60
    fitted = [head.key for head in calibration.result[0].heads]
    assert not held & set(fitted)
    assert len(set(fitted)) == len(fitted)
    # Heads to choose among are fewer than were allowed: it stops all the same.
    assert calibration.stop is Stop.BUDGET


def test_a_known_device_is_a_place_to_start(catalogue):
    calibration = start(catalogue, Budget(heads=4), known=known_device("raspi4"))
    assert run(calibration, Board()).steps[-1].measured_heads == 4


def test_measurements_of_something_else_are_refused(catalogue):
    calibration, board = start(catalogue), Board()
    profile = board.measure(calibration.ask())
    with pytest.raises(InputError, match="heads measured of"):
        calibration.tell(replace(profile, heads=profile.heads[1:]))
    with pytest.raises(InputError, match="nothing was measured"):
        _ = calibration.result


@pytest.mark.parametrize(
    "bad",
    [{"precision": 0.0}, {"precision": 1.0}, {"heads": 0}, {"held_out": -1}, {"board_s": 0.0}, {"board_s": math.nan}],
)
def test_impossible_budgets(bad):
    with pytest.raises(InputError):
        Budget(**bad)
