"""Finding a site's edge server from the States of its devices."""

from nasc_sdk.agent.edge_finder import EdgeFinder
from nasc_sdk.protocol.messages import Role, State


class Found:
    def __init__(self):
        self.addresses, self.up = [], False
        self.finder = EdgeFinder(self.addresses.append, lambda: self.up)

    def hears(self, device="edge", address="10.0.0.1:70", **changes):
        self.finder.heard(State(**{
            "device": device, "role": Role.EDGE, "session": 1, "online": True, "address": address, **changes,
        }))  # fmt: skip
        return self.addresses


def test_boards_absent_servers_and_nonsense_are_not_followed():
    found = Found()
    assert found.hears(role=Role.BOARD) == []
    assert found.hears(online=False) == []
    assert found.hears(address="") == []
    assert found.hears(address="nowhere") == []
    assert found.hears(address="host:99999") == []
    assert found.hears() == [("10.0.0.1", 70)]


def test_another_server_is_taken_only_when_the_present_one_does_not_answer():
    found = Found()
    found.hears()
    found.up = True
    assert len(found.hears("other", "10.0.0.2:70")) == 1
    assert found.hears(address="10.0.0.1:71")[-1] == ("10.0.0.1", 71)
    found.up = False
    assert found.hears("other", "10.0.0.2:70")[-1] == ("10.0.0.2", 70)
