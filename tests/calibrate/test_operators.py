import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.calibrate.operators import known_device, operator_prior

KEYS = ("add 28x28x16", "avg_pool3x3 28x28x16", "conv1x1 28x28x16", "conv3x3 14x14x32", "conv3x3 28x28x16",
        "conv3x3 28x28x1>28x28x16", "relu 28x28x16")  # fmt: skip


def test_times_are_in_proportion_to_work_and_kinds_vary_together():
    prior = operator_prior(KEYS)
    assert prior.scale_us is None
    mean = dict(zip(KEYS, prior.mean.tolist(), strict=True))
    assert mean["conv3x3 28x28x16"] > mean["conv1x1 28x28x16"] > mean["relu 28x28x16"] > 0
    assert (np.linalg.eigvalsh(prior.relative) > 0).all()
    correlation = prior.relative / np.sqrt(np.outer(np.diag(prior.relative), np.diag(prior.relative)))
    at = {key: index for index, key in enumerate(KEYS)}
    same_kind = correlation[at["conv3x3 28x28x16"], at["conv3x3 14x14x32"]]
    assert same_kind > correlation[at["conv3x3 28x28x16"], at["relu 28x28x16"]]
    # A convolution of one channel is a stranger among its kind.
    assert same_kind > correlation[at["conv3x3 28x28x16"], at["conv3x3 28x28x1>28x28x16"]]


def test_a_known_device_sets_the_scale():
    prior = operator_prior(KEYS, known_device("raspi4"))
    fast = operator_prior(KEYS, known_device("titan_rtx_32"))
    assert prior.scale_us is not None
    assert fast.scale_us is not None
    times = prior.mean * prior.scale_us
    # HW-NAS-Bench's raspi4 takes 15.8 ms for fifteen 3x3 convolutions and their ReLU: about a millisecond each.
    assert 400 < times[KEYS.index("conv3x3 14x14x32")] < 2500
    assert np.sqrt(prior.relative.diagonal()).max() < 1.2
    assert times.sum() > (fast.mean * fast.scale_us).sum()


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"nokia.*raspi4"):
        known_device("nokia")
