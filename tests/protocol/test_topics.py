"""Topics: where everything is, and names that would leave their place."""

import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.protocol.topics import Topics

SHA = "ab" * 32


def test_where_everything_is():
    topics = Topics("home", "pi-4.b_2")
    places = {
        "state": topics.state,
        "profile/request": topics.profile_request,
        "profile/progress": topics.profile_progress,
        "profile/result": topics.profile_result,
        "link": topics.link,
        "deploy/desired": topics.deploy_desired,
        "deploy/reported": topics.deploy_reported,
        "latency": topics.latency,
        f"artifact/{SHA}/request": topics.artifact_request(SHA),
        f"artifact/{SHA}/chunk/3": topics.artifact_chunk(SHA, 3),
        "request": topics.service_request,
        "progress/r1": topics.service_progress("r1"),
        "reply/r1": topics.service_reply("r1"),
        "event": topics.service_event,
    }
    assert list(places.values()) == [f"nasc/v1/home/pi-4.b_2/{leaf}" for leaf in places]


def test_plus_makes_filters():
    assert Topics("home", "+").state == "nasc/v1/home/+/state"
    assert Topics("+", "+").artifact_chunk("+", "+") == "nasc/v1/+/+/artifact/+/chunk/+"


@pytest.mark.parametrize("name", ["", "a/b", "#", "a+", "a b", "ä", "board\n", "x" * 65, "a\0"])
def test_names_that_are_none(name):
    with pytest.raises(InputError):
        Topics("home", name)
    with pytest.raises(InputError):
        Topics(name, "board")
