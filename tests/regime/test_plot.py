"""The PNG: what is painted, where it can be told from the pixels."""

import io
from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.regime.plot import plot
from tests.regime.maps import FAST, LOSSY, MAP, hopeless


def painted(data, colour):
    """How many pixels have a colour, but for rounding."""
    image = pytest.importorskip("PIL.Image", reason="the extra images is not installed")
    shown = np.asarray(image.open(io.BytesIO(data)).convert("RGB"), int)
    return int((abs(shown - colour).max(axis=2) <= 2).sum())


def test_the_same_map_gives_the_same_bytes():
    assert plot(MAP).startswith(b"\x89PNG")
    assert plot(MAP) == plot(MAP)


def test_accuracies_are_colours_of_the_scale():
    # The ends of viridis are the worst and the best.
    data = plot(MAP)
    assert painted(data, (68, 1, 84)) > 2 * painted(data, (253, 231, 37)) > 10_000


def test_where_nothing_keeps_the_limit_is_grey():
    grey = (217, 217, 221)
    assert painted(plot(hopeless()), grey) > 50_000
    assert painted(plot(MAP), grey) < 1000


def test_each_slice_has_a_panel():
    best, worst = (253, 231, 37), (68, 1, 84)
    single, double = plot(MAP), plot(LOSSY)
    one, two = (painted(single, colour) / painted(double, colour) for colour in (best, worst))
    assert two < 0.7 * one, "more of the second panel needs no link"


def test_the_link_now_is_a_star():
    red = (200, 16, 46)
    assert painted(plot(MAP, (5.0, 3.0)), red) > 30
    assert painted(plot(MAP, (0.5, 3.0)), red) == 0


def test_names_that_matplotlib_could_take_for_formulas():
    odd = replace(FAST, candidate=replace(FAST.candidate, arch="$x_1$ ^ \n {"))
    assert plot(replace(MAP, device="$\\frac$", regimes=(odd, *MAP.regimes[1:]))).startswith(b"\x89PNG")
