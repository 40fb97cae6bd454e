"""What takes long is spoken of, what does not is not."""

import threading

import pytest

from nasc_search.service.heartbeat import heartbeat

TIMEOUT_S = 10.0


def test_the_newest_is_said_again_and_again():
    heard, twice = [], threading.Event()

    def say(text):
        heard.append(text)
        if len(heard) == 2:
            twice.set()

    with heartbeat(say, every_s=0.01) as speak:
        speak("training one")
        assert twice.wait(TIMEOUT_S)
    assert heard[-1].startswith("training one, for ")
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())


def test_what_is_over_soon_is_not_spoken_of():
    heard = []
    with heartbeat(heard.append, every_s=TIMEOUT_S) as speak:
        speak("quick")
    assert heard == []


def test_an_error_ends_it():
    with pytest.raises(ZeroDivisionError), heartbeat(lambda text: None):
        1 / 0  # noqa: B018 # whatever fails inside
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
