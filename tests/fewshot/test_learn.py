"""Known devices out of thorough measurements."""

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.fewshot.basis import Reach, basis_of
from nasc_search.fewshot.learn import learn, learn_table
from nasc_search.measured.npz import Measurements, Quantity, SpaceName
from tests.fewshot.devices import draw, every_arch


def names_of(devices):
    return ", ".join(device.name for device in devices)


def measured(truth, count=800, name="pi", seed=0):
    rng = np.random.default_rng(seed)
    arch = every_arch(truth.basis.space)
    rows = arch[rng.choice(len(arch), count, replace=False)]
    return Measurements(truth.basis.space, rows, {name: truth.measure(rows, rng)})


@pytest.mark.parametrize("reach", list(Reach))
def test_a_device_is_learned_with_what_it_runs(reach):
    truth = draw(np.random.default_rng(3), reach=reach, noise=0.01)
    found = learn(measured(truth), "pi")
    assert found.reach is reach
    assert found.family == "edge"
    assert found.noise == pytest.approx(0.01, rel=0.5)
    arch = every_arch(SpaceName.NB201)
    again = found.mean * (truth.basis.features(arch, reach) @ found.coefficients)
    assert np.abs(again / truth.exact(arch) - 1).mean() < 0.01


def test_layers_are_learned():
    truth = draw(np.random.default_rng(0), SpaceName.FBNET, noise=0.01)
    found = learn(measured(truth, 1500), "pi")
    arch = every_arch(SpaceName.FBNET)
    again = found.mean * (truth.basis.features(arch, Reach.EVERY) @ found.coefficients)
    assert np.abs(again / truth.exact(arch) - 1).mean() < 0.01


def test_measurements_ten_times_off_move_nothing():
    truth = draw(np.random.default_rng(3), noise=0.01)
    clean = measured(truth)
    spoilt = clean.devices["pi"].copy()
    spoilt[::100] *= 10
    one, other = learn(clean, "pi"), learn(Measurements(clean.space, clean.arch, {"pi": spoilt}), "pi")
    rows = truth.basis.features(clean.arch, Reach.EVERY)
    assert other.reach is one.reach
    assert other.noise == pytest.approx(one.noise, rel=0.2)
    moved = other.mean * (rows @ other.coefficients) / (one.mean * (rows @ one.coefficients)) - 1
    assert np.abs(moved).max() < 0.03


def test_learning_is_deterministic():
    measurements = measured(draw(np.random.default_rng(1)))
    one, other = learn(measurements, "pi"), learn(measurements, "pi")
    assert np.array_equal(one.coefficients, other.coefficients)


def test_too_few_measurements_and_no_such_device():
    truth = draw(np.random.default_rng(0))
    least = 5 * len(basis_of(SpaceName.NB201).names)
    learn(measured(truth, least), "pi")
    with pytest.raises(InputError, match=f"pi: {least - 1} measurements; a known device takes at least {least}"):
        learn(measured(truth, least - 1), "pi")
    with pytest.raises(InputError, match="no device tx2; the file holds pi"):
        learn(measured(truth), "tx2")


@pytest.fixture(scope="module")
def files():
    truth = draw(np.random.default_rng(0))
    return [measured(truth, name="raspi4"), measured(truth, name="gold_1", seed=1)]


def table(files, names):
    return learn_table(files, names, "us", "MIT", "command")


def test_all_devices_of_all_files(files):
    found = table(files, {})
    assert names_of(found.devices) == "raspi4, gold_1"
    assert [device.family for device in found.devices] == ["edge", "server processor"]
    assert (found.space, found.quantity, found.origin) == (SpaceName.NB201, Quantity.LATENCY_MS, "us")


def test_some_renamed(files):
    found = table(files, {"raspi4": "titan"})
    assert names_of(found.devices) == "titan"
    assert found.devices[0].family == "graphics card"


def test_a_device_in_two_files_is_refused(files):
    with pytest.raises(InputError, match="device raspi4 comes twice"):
        table([files[0], files[0]], {})
    with pytest.raises(InputError, match="device raspi4"):
        table(files, {"raspi4": "raspi4", "gold_1": "raspi4"})


def test_a_device_in_no_file_is_refused(files):
    with pytest.raises(InputError, match="no device tx2, vpu in the files"):
        table(files, {"raspi4": "raspi4", "tx2": "a", "vpu": "b"})


def test_files_of_two_kinds_are_refused(files):
    layers = measured(draw(np.random.default_rng(0), SpaceName.FBNET), 1000)
    with pytest.raises(InputError, match="nb201 latency_ms and fbnet latency_ms"):
        table([files[0], layers], {})
    energy = Measurements(files[1].space, files[1].arch, files[1].devices, Quantity.ENERGY_MJ)
    with pytest.raises(InputError, match="nb201 latency_ms and nb201 energy_mj"):
        table([files[0], energy], {})
