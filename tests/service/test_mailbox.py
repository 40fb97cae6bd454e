"""Waiting for what arrives on another thread."""

import threading

from nasc_search.service.mailbox import Mailbox

TIMEOUT_S = 20.0


def test_the_newest_value_counts():
    box = Mailbox()
    assert box.get("state", "pi", int) is None
    box.put("state", "pi", 1)
    box.put("state", "pi", 2)
    box.put("link", "pi", 3)
    assert box.get("state", "pi", int) == 2
    assert box.get("state", "edge", int) is None
    assert box.get("state", "pi", str) is None
    box.take("state", "pi")
    box.take("state", "pi")
    assert box.get("state", "pi", int) is None
    assert box.get("link", "pi", int) == 3


def test_what_is_there_is_not_waited_for():
    box = Mailbox()
    box.put("state", "pi", 5)
    assert box.wait("state", "pi", int, lambda value: value == 5, 0.0) == 5


def test_waiting_has_a_bound():
    box = Mailbox()
    box.put("state", "pi", 5)
    assert box.wait("state", "pi", int, lambda value: value == 6, 0.02) is None
    assert box.wait("state", "pi", str, lambda value: True, 0.0) is None


def test_an_arrival_wakes_the_one_who_waits():
    box, found = Mailbox(), []
    waiting = threading.Thread(
        target=lambda: found.append(box.wait("state", "pi", int, lambda value: value >= 3, TIMEOUT_S))
    )
    waiting.start()
    for value in range(10):
        box.put("state", "pi", value)
        box.put("other", "pi", value)
    waiting.join(TIMEOUT_S)
    assert found
    assert found[0] >= 3
