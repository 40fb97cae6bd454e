"""Both kinds of broker, started once a module."""

import pytest

from tests.mqtt.brokers import broker

KINDS = ("mosquitto", "embedded")


@pytest.fixture(scope="module", params=KINDS)
def running(request, tmp_path_factory):
    """A broker of each kind: one test body must hold on both."""
    with broker(request.param, tmp_path_factory.mktemp(request.param)) as process:
        yield process


@pytest.fixture(params=KINDS)
def kind(request):
    """For tests that start, kill and restart a broker of their own."""
    return request.param
