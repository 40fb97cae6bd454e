"""The benchmark itself: what is left out, what is counted, and the figures that were promised."""

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.accuracy.ranking import spearman
from nasc_search.fewshot.baselines import BASELINES
from nasc_search.fewshot.evaluate import Plan, Protocol, Sampling, default_protocol, evaluate
from nasc_search.fewshot.known import shipped
from nasc_search.fewshot.predictor import fit_samples
from nasc_search.measured.npz import Measurements, SpaceName, load_measurements
from tests.fewshot.devices import FBNET_FILE, FIVE, NB201_FILE, draw, every_arch, known, with_data


def measured(space=SpaceName.NB201, rows=None, noise=0.02):
    rng = np.random.default_rng(0)
    truth, arch = draw(rng, space, noise=noise), every_arch(space)
    arch = arch if rows is None else arch[rows]
    return Measurements(space, arch, {"pi": truth.measure(arch, rng)})


CELLS = measured()
LAYERS = measured(SpaceName.FBNET)


def run(measurements=CELLS, **plan):
    wanted = {"device": "pi", "samples": 6, "draws": 2, "protocol": default_protocol(measurements.space)} | plan
    return evaluate(measurements, known(measurements.space), Plan(**wanted))


@pytest.mark.parametrize("sampling", list(Sampling))
@pytest.mark.parametrize("measurements", [CELLS, LAYERS], ids=["cells", "layers"])
def test_the_seed_decides_everything(measurements, sampling):
    one, other = (run(measurements, sampling=sampling, seed=3) for _ in range(2))
    assert one == other
    assert run(measurements, sampling=sampling, seed=4).ours != one.ours


def test_what_a_result_holds():
    steps = []
    plan = Plan("pi", 6, 3)
    result = evaluate(CELLS, known(), plan, steps.append)
    assert steps == [1, 2, 3]
    assert (result.device, result.space, result.samples, result.draws) == ("pi", SpaceName.NB201, 6, 3)
    assert (result.protocol, result.sampling, result.tested) == (Protocol.HELP, Sampling.RANDOM, 800)
    assert result.prior_devices == tuple(device.name for device in known())
    assert set(result.ours) == {"spearman", "kendall", "mape", "coverage90"}
    assert set(result.baselines) == set(BASELINES)
    for scores in result.baselines.values():
        assert set(scores) == {"spearman", "kendall", "mape"}
    for scores in (result.ours, *result.baselines.values()):
        assert np.isfinite([(spread.mean, spread.std) for spread in scores.values()]).all()
    assert 0 <= result.ours["coverage90"].mean <= 1


def test_one_draw_by_hand():
    """Samples out of 900 to 1899; predicted is the middle 80 % of them without the samples."""
    result = run(draws=1, samples=8, seed=5)
    values = CELLS.devices["pi"]
    rows = np.random.default_rng([5, 0]).choice(np.arange(900, 1900), 8, replace=False)
    middle = 900 + np.argsort(values[900:1900], kind="stable")[100:900]
    test = np.array(sorted(set(middle.tolist()) - set(rows.tolist())))
    figures = fit_samples(SpaceName.NB201, known(), rows, values[rows]).predict(test)
    assert result.ours["spearman"].mean == spearman(figures.mean, values[test])
    assert result.ours["mape"].mean == pytest.approx(np.mean(np.abs(figures.mean / values[test] - 1)))
    inside = (figures.low <= values[test]) & (values[test] <= figures.high)
    assert result.ours["coverage90"].mean == pytest.approx(inside.mean())
    assert result.ours["spearman"].std == 0


def test_spreads_are_over_draws():
    """Draws do not depend on how many there are: two and one of them tell the other."""
    both, first = run(draws=2).ours["mape"], run(draws=1).ours["mape"].mean
    second = 2 * both.mean - first
    assert both.std == pytest.approx(np.std([first, second]))
    assert both.std > 0


def test_all_predicts_all():
    assert run(protocol=Protocol.ALL).tested == 15_625
    assert run(LAYERS).tested == 2000


def test_the_figures_of_architectures_that_are_not_in_the_protocol_do_not_matter():
    values = CELLS.devices["pi"].copy()
    values[:900] *= 3
    values[1900:] *= 0.1
    assert run(Measurements(CELLS.space, CELLS.arch, {"pi": values})) == run()


def test_the_order_of_a_file_changes_nothing_that_is_not_drawn():
    """A file may list its cells in any order: the protocol goes by their numbers."""
    order = np.random.default_rng(0).permutation(len(CELLS.arch))
    shuffled = Measurements(CELLS.space, CELLS.arch[order], {"pi": CELLS.devices["pi"][order]})
    assert run(shuffled).tested == 800
    assert run(shuffled, draws=8).ours["spearman"].mean == pytest.approx(run(draws=8).ours["spearman"].mean, abs=0.03)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"device": "tx2"}, "no device tx2 in the measurements; they hold pi"),
        ({"samples": 2}, "2 samples; at least 3"),
        ({"samples": 800}, "800 samples may leave none of the 800"),
        ({"samples": 15_625, "protocol": Protocol.ALL}, "15625 samples may leave none"),
    ],
)
def test_a_plan_that_does_not_fit(plan, said):
    with pytest.raises(InputError, match=said):
        run(**plan)


def test_help_is_of_cells():
    with pytest.raises(InputError, match="NAS-Bench-201's architectures; use --protocol all"):
        run(LAYERS, protocol=Protocol.HELP)
    with pytest.raises(InputError, match="architectures 900 to 1899; the file holds 999 of them"):
        run(measured(rows=np.arange(901, 3000)))


def test_no_known_device_is_bad_input():
    with pytest.raises(InputError, match="at least one known device"):
        evaluate(CELLS, [], Plan("pi", 5, 1))


def test_default_protocols():
    assert default_protocol(SpaceName.NB201) is Protocol.HELP
    assert default_protocol(SpaceName.FBNET) is Protocol.ALL


def test_a_device_of_the_prior_is_ranked_well_and_better_than_by_others():
    result = run(draws=5, samples=10)
    assert result.ours["spearman"].mean > 0.97
    assert result.ours["mape"].mean < 0.05
    for scores in result.baselines.values():
        assert scores["mape"].mean > result.ours["mape"].mean


def ranked(path, devices, sampling, draws):
    """Mean Spearman of these devices from 10 samples, each left out of the shipped table in turn."""
    measurements = load_measurements(path)
    table, plan = shipped(measurements.space), default_protocol(measurements.space)
    found = []
    for device in devices:
        left = table.without(device)
        assert device not in [other.name for other in left]
        found.append(evaluate(measurements, left, Plan(device, 10, draws, plan, sampling)).ours["spearman"].mean)
    return np.mean(found)


@with_data
def test_ten_random_samples_rank_five_real_devices():
    """0.960 to 0.965 were measured with other seeds."""
    assert ranked(NB201_FILE, FIVE, Sampling.RANDOM, 10) >= 0.955


@with_data
def test_ten_chosen_samples_rank_them_better():
    """0.975 to 0.977 were measured with other seeds."""
    assert ranked(NB201_FILE, FIVE, Sampling.ACTIVE, 3) >= 0.965


@with_data
def test_ten_samples_rank_networks_of_layers():
    """0.972 was measured."""
    assert ranked(FBNET_FILE, FIVE[:3], Sampling.RANDOM, 3) >= 0.95
