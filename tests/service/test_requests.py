"""What the service knows of requests that wait, run, and are given up."""

import pytest

from nasc_sdk.errors import InputError, StoppedError
from nasc_sdk.protocol.messages import ServiceRequest, ServiceVerb
from nasc_search.service.requests import NOT_KNOWN, Requests


def request(name, verb=ServiceVerb.PROFILE, **options):
    return ServiceRequest(request_id=name, verb=verb, device="pi", options=options)


def giving_up(name):
    return request(f"{name}-cancel", ServiceVerb.CANCEL, request_id=name)


@pytest.fixture
def requests():
    return Requests()


def test_the_running_one_and_how_far_it_is(requests):
    assert requests.running is None
    assert requests.accept(request("a"))
    assert not requests.accept(request("a")), "asked again"
    requests.begin(request("a"))
    requests.tell(3, 9, "stem")
    running = requests.running
    assert (running.verb, running.device, running.done, running.total, running.label) == ("profile", "pi", 3, 9, "stem")
    requests.check()
    assert requests.end(request("a"), None) is None
    assert requests.running is None
    assert requests.accept(request("a"))


def test_the_running_one_stops_at_its_next_step_and_its_end_says_so(requests):
    requests.accept(request("a"))
    requests.begin(request("a"))
    requests.tell(3, 9, "stem")
    assert requests.give_up(giving_up("a")) is None
    with pytest.raises(StoppedError, match=r"stopped after 3 of 9 \(stem\)") as stopped:
        requests.check()
    assert requests.end(request("a"), stopped.value) == (giving_up("a"), str(stopped.value))
    assert requests.give_up(giving_up("a")) == NOT_KNOWN


@pytest.mark.parametrize("failure", [None, InputError("something else")])
def test_one_that_ends_before_it_can_be_stopped(requests, failure):
    requests.accept(request("a", ServiceVerb.SEARCH))
    requests.begin(request("a", ServiceVerb.SEARCH))
    requests.give_up(giving_up("a"))
    _, text = requests.end(request("a"), failure)
    assert text == "it was done before it could be stopped"


def test_one_that_waits_is_left_out(requests):
    for name in ("a", "b"):
        requests.accept(request(name))
    requests.begin(request("a"))
    assert requests.give_up(giving_up("b")) == "it had not begun, and will not"
    requests.check()
    assert requests.end(request("a"), None) is None
    with pytest.raises(StoppedError):
        requests.begin(request("b"))
    assert requests.end(request("b"), StoppedError("")) is None, "whoever gave it up was told at once"


def test_one_that_found_no_room_ends_nobody_elses(requests):
    for name in ("a", "b"):
        requests.accept(request(name))
    requests.begin(request("a"))
    requests.end(request("b"), None)
    assert requests.running.request_id == "a"


def test_a_rollout_goes_on(requests):
    requests.accept(request("a", ServiceVerb.DEPLOY))
    requests.begin(request("a", ServiceVerb.DEPLOY))
    assert "a rollout is not left half done" in requests.give_up(giving_up("a"))
    requests.check()


@pytest.mark.parametrize("options", [{}, {"request_id": "never"}, {"request_id": 7}])
def test_what_was_never_asked(requests, options):
    assert requests.give_up(request("c", ServiceVerb.CANCEL, **options)) == NOT_KNOWN
