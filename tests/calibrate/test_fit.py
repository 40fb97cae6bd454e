from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.cost.features import join_blocks, parse_key
from nasc_sdk.cost.model import predict_heads
from nasc_sdk.errors import InputError
from nasc_sdk.profiling.profile import TimeUnit, Validity
from nasc_search.calibrate.fit import fit
from tests.calibrate import synthetic


def test_recovers_known_operators_within_their_errors():
    deviations = []
    for seed in range(3):
        model, _ = fit(synthetic.profile(seed, heads=80))
        true = synthetic.SCALE * np.asarray([synthetic.true_op_us(op) for op in model.op_keys])
        # Operators of one block are only known as a sum; their share is the prior's, with the prior's error.
        seen = np.asarray(model.op_error_us) < 0.3 * np.asarray(model.op_us)
        assert seen.sum() >= 8
        deviations += ((np.asarray(model.op_us) - true) / np.asarray(model.op_error_us))[seen].tolist()
    assert np.sqrt(np.mean(np.square(deviations))) < 1.6
    assert np.mean(np.abs(deviations) < 2) > 0.85


def test_predicts_each_head_from_all_else_and_says_so():
    _, report = fit(synthetic.profile())
    assert report.heads == 12
    assert report.mean < 0.02
    assert report.maximum < 0.05
    assert report.rank_correlation > 0.9
    assert "12 whole heads, each predicted from all else" in str(report)
    assert len(report.checks) == 12


def test_predicts_unseen_networks():
    model, _ = fit(synthetic.profile())
    rng = np.random.default_rng(99)
    heads = [synthetic.keys_of(synthetic.SPACE.sample(rng)) for _ in range(30)]
    true = np.asarray([synthetic.true_us(keys, synthetic.SCALE) for keys in heads])
    prediction = predict_heads(model, heads)
    assert np.abs(prediction.us / true - 1).mean() < 0.03
    low, high = prediction.interval(0.95)
    assert ((low < true) & (true < high)).mean() > 0.8


def test_without_heads_the_report_admits_it():
    model, report = fit(synthetic.profile(heads=0))
    assert report.heads == 0
    assert "not known" in str(report)
    # Blocks that were timed alone say of a head what they may deviate by inside one.
    keys = synthetic.keys_of(synthetic.SPACE.archs[0])
    prediction = predict_heads(model, [keys])
    assert prediction.error_us[0] > 0.05 * prediction.us[0]


def test_heads_alone_are_enough():
    profile = synthetic.profile(heads=30)
    model, report = fit(replace(profile, blocks=()))
    assert report.mean < 0.05
    assert model.residual < 0.05


def test_a_head_is_checked_as_if_it_had_not_been_measured():
    profile = synthetic.profile(heads=6)
    _, report = fit(profile)
    spoiled = replace(profile.heads[0], timing=replace(profile.heads[0].timing, median=1e4, p95=1e4, minimum=1e4))
    _, other = fit(replace(profile, heads=(spoiled, *profile.heads[1:])))
    assert other.checks[0].predicted_us == pytest.approx(report.checks[0].predicted_us, rel=0.1)
    assert other.checks[0].error < -0.5


def test_invalid_measurements_are_left_out_with_their_reason():
    profile = synthetic.profile()
    spoiled = replace(profile.blocks[0], timing=replace(profile.blocks[0].timing, median=1e9, p95=1e9))
    bad = replace(spoiled, validity=Validity.INVALID, code="throttled")
    model, report = fit(replace(profile, blocks=(bad, *profile.blocks[1:])))
    without, _ = fit(replace(profile, blocks=profile.blocks[1:]))
    assert model == without
    assert [(item.title, item.code) for item in report.ignored] == [("block 0", "throttled")]
    assert "throttled" in str(report)


def test_degraded_measurements_count_less():
    profile = synthetic.profile()
    first = profile.blocks[1]
    timing = first.timing
    slow = replace(
        first,
        timing=replace(timing, median=timing.median * 1.5, p95=timing.p95 * 1.5, minimum=timing.minimum * 1.5),
    )
    trusted, _ = fit(replace(profile, blocks=(profile.blocks[0], slow, *profile.blocks[2:])))
    degraded = replace(slow, validity=Validity.DEGRADED, code="noisy")
    doubted, report = fit(replace(profile, blocks=(profile.blocks[0], degraded, *profile.blocks[2:])))
    block = [[first.key]]
    assert predict_heads(doubted, block).us < predict_heads(trusted, block).us
    assert report.degraded == 1


def test_foreign_keys_and_impossible_times_are_left_out():
    profile = synthetic.profile()
    foreign = replace(profile.blocks[0], key="my model", title="mine")
    nothing = replace(profile.blocks[1], timing=replace(profile.blocks[1].timing, median=0.0), title="zero")
    nan = replace(profile.heads[0], timing=replace(profile.heads[0].timing, median=float("nan")), title="nan")
    _, report = fit(replace(profile, blocks=(*profile.blocks, foreign, nothing), heads=(*profile.heads, nan)))
    codes = {item.title: item.code for item in report.ignored}
    assert codes == {"mine": "foreign_key", "zero": "no_positive_time", "nan": "no_positive_time"}


def test_counts_of_instructions_are_no_times():
    profile = synthetic.profile()
    counted = replace(profile.conditions, unit=TimeUnit.INSTRUCTIONS)
    with pytest.raises(InputError, match="instructions"):
        fit(replace(profile, conditions=counted))
    with pytest.raises(InputError, match="none of 0"):
        fit(replace(profile, blocks=(), heads=()))


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_machine_that_was_slow_for_a_part_of_the_time_is_predicted_as_it_is(share):
    """Units whose median fell into a slow time: their minima, and those of the others, are of the same machine."""
    rng = np.random.default_rng(5)

    def slowed(found):
        if rng.random() > share:
            return found
        timing = found.timing
        slow = replace(timing, median=1.5 * timing.median, p95=1.6 * timing.median)
        return replace(found, timing=slow, validity=Validity.DEGRADED, code="noisy")

    steady = synthetic.profile(archs=60, heads=16)
    disturbed = replace(
        steady, blocks=tuple(map(slowed, steady.blocks)), heads=tuple(map(slowed, steady.heads))
    )
    model, report = fit(disturbed)
    assert report.mean < 0.03
    keys = [synthetic.keys_of(synthetic.SPACE.archs[index])[:4] for index in range(0, 9000, 1000)]
    expected = predict_heads(fit(steady)[0], keys).us
    assert predict_heads(model, keys).us == pytest.approx(expected, rel=0.05)


def test_totals_say_nothing_about_parts_until_parts_are_measured():
    """Whole networks fix the sum; how it falls to head and tail stays as open as the prior, until heads resolve it."""
    rng = np.random.default_rng(7)
    totals = [synthetic.keys_of(synthetic.SPACE.sample(rng)) for _ in range(25)]
    rows = [
        synthetic.measurement(f"total {n}", join_blocks(keys), synthetic.true_us(keys), rng, 0.005)
        for n, keys in enumerate(totals)
    ]
    profile = replace(synthetic.profile(), blocks=(), heads=tuple(rows))
    model, _ = fit(profile)
    keys = synthetic.keys_of(synthetic.SPACE.archs[7777])
    whole, half = predict_heads(model, [keys, keys[:4]]).error_us / predict_heads(model, [keys, keys[:4]]).us
    assert half > 3 * whole
    halves = [
        synthetic.measurement(f"half {n}", join_blocks(keys[:4]), synthetic.true_us(keys[:4]), rng, 0.005)
        for n, keys in enumerate(totals[:12])
    ]
    better, _ = fit(replace(profile, heads=(*rows, *halves)))
    prediction = predict_heads(better, [keys[:4]])
    assert prediction.error_us[0] / prediction.us[0] < half / 2
    assert prediction.us[0] == pytest.approx(synthetic.true_us(keys[:4]), rel=0.1)


def _error_of(profile, keys):
    model, report = fit(profile)
    prediction = predict_heads(model, keys)
    return float(np.mean(prediction.error_us / prediction.us)), report


def test_degraded_measurements_widen_the_interval():
    profile = synthetic.profile(heads=6)
    keys = [synthetic.keys_of(synthetic.SPACE.archs[index]) for index in range(0, 9000, 1000)]
    trusted, _ = _error_of(profile, keys)
    doubted = tuple(replace(head, validity=Validity.DEGRADED, code="slowed") for head in profile.heads)
    wider, report = _error_of(replace(profile, heads=doubted), keys)
    assert wider > 1.05 * trusted
    assert report.degraded == 6


def test_one_degraded_measurement_widens_the_interval():
    profile = synthetic.profile(heads=1)
    keys = [parse_key(profile.heads[0].key)]
    trusted, _ = _error_of(profile, keys)
    doubted = replace(profile.heads[0], validity=Validity.DEGRADED, code="throttled")
    wider, _ = _error_of(replace(profile, heads=(doubted,)), keys)
    assert wider > 1.05 * trusted


def test_what_is_not_used_is_named_with_what_to_do():
    profile = synthetic.profile()
    foreign = replace(profile.blocks[0], key="my model", title="mine")
    silent = replace(profile.blocks[0], validity=Validity.INVALID, title="silent")
    other = replace(profile.blocks[0], validity=Validity.INVALID, code="moonlight", title="other")
    model, report = fit(replace(profile, blocks=(*profile.blocks, foreign, silent, other)))
    assert model == fit(profile)[0]
    text = str(report)
    assert "not used: mine (foreign_key): not a unit of the search space. Leave" in text
    assert "not used: silent (invalid): the device called it invalid without a reason. Measure again" in text
    assert text.endswith("not used: other (moonlight)")


def _again(found, factor):
    timing = found.timing
    slow = replace(timing, median=timing.median * factor, p95=timing.p95 * factor, minimum=timing.minimum * factor)
    return replace(found, timing=slow, title=f"{found.title} again")


@pytest.mark.parametrize("part", ["blocks", "heads"])
def test_times_of_one_unit_far_apart_contradict_each_other(part):
    profile = synthetic.profile()
    units = getattr(profile, part)
    spoiled = replace(profile, **{part: (*units, _again(units[0], 1.5))})
    _, report = fit(spoiled)
    name = units[0].title
    assert report.contradictory == (name, f"{name} again")
    assert report.degraded == 2
    assert f"contradictory, counted as degraded: {name}, {name} again: measured more than once" in str(report)


def test_times_of_one_unit_that_agree_within_their_noise_do_not():
    profile = synthetic.profile()
    for factor in (1.0, 1.02, 1.14):
        _, report = fit(replace(profile, blocks=(*profile.blocks, _again(profile.blocks[0], factor))))
        assert (report.contradictory, report.degraded) == ((), 0)
        assert "contradictory" not in str(report)
    noisy = _again(profile.blocks[0], 1.5)
    noisy = replace(noisy, timing=replace(noisy.timing, p95=4 * noisy.timing.median, minimum=0.01))
    _, report = fit(replace(profile, blocks=(*profile.blocks, noisy)))
    assert report.contradictory == ()


def test_of_many_times_of_one_unit_all_far_from_an_extreme_are_doubted():
    profile = synthetic.profile()
    first = profile.blocks[0]
    times = (_again(first, 1.0), _again(first, 1.01), _again(first, 2.0))
    _, report = fit(replace(profile, blocks=(*profile.blocks, *times)))
    assert len(report.contradictory) == 4
