"""Broker URLs."""

import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.mqtt.address import BrokerAddress, parse_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker.local", BrokerAddress("broker.local", 1883)),
        ("mqtt://127.0.0.1:18830/", BrokerAddress("127.0.0.1", 18830)),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884)),
        ("mqtts://host", BrokerAddress("host", 8883, tls=True)),
        ("mqtt://me:p%40ss%3A@host:1", BrokerAddress("host", 1, user="me", password="p@ss:")),
        (
            "mqtts://host?ca=/a/ca.pem&cert=c.pem&key=k.pem",
            BrokerAddress("host", 8883, tls=True, ca="/a/ca.pem", cert="c.pem", key="k.pem"),
        ),
    ],
)
def test_good(url, address):
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "", "host", "host:1883", "tcp://host", "http://host", "mqtt://", "mqtt://:1883", "mqtt://host:0",
        "mqtt://host:99999", "mqtt://host:x", "mqtt://host/path", "mqtt://host#x", "mqtt://host?ca=x",
        "mqtts://host?cert=x", "mqtts://host?other=x", "mqtts://host?ca", "mqtt://[::1",
    ],
)  # fmt: skip
def test_bad(url):
    with pytest.raises(InputError):
        parse_url(url)


def test_the_password_is_never_shown():
    address = parse_url("mqtts://me:secret@host:1")
    assert "secret" not in f"{address} {address!r}"
    assert str(address) == "mqtts://host:1"
    assert str(parse_url("mqtt://[::1]:5")) == "mqtt://[::1]:5"
    with pytest.raises(InputError) as caught:
        parse_url("mqtt://me:secret@host:1/path")
    assert "secret" not in str(caught.value)
