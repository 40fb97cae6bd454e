"""Questions to the search service and what the asker hears when there is none."""

import threading
import time

import msgspec
import pytest

from nasc_sdk.cli.asking import _give_up
from nasc_sdk.errors import UnreachableError
from nasc_sdk.mqtt import ask as asking
from nasc_sdk.mqtt.ask import ask, cancel
from nasc_sdk.mqtt.client import MqttClient
from nasc_sdk.protocol.messages import (
    ServiceProgress,
    ServiceReply,
    ServiceRequest,
    ServiceVerb,
    decode,
    encode,
)
from nasc_sdk.protocol.topics import SERVICE, Topics
from tests.mqtt.brokers import TIMEOUT_S, broker, wait_for

TOPICS = Topics("lab", SERVICE)
SEARCH = ServiceRequest(request_id="r1", verb=ServiceVerb.SEARCH)


class Service:
    """Says hello at once; ``serve`` answers the rest."""

    def __init__(self, client, serve):
        self.client, self.serve, self.seen = client, serve, []
        client.subscribe(TOPICS.service_request, self._on_request)
        client.connect(TIMEOUT_S)

    def _on_request(self, topic, payload):
        request = decode(ServiceRequest, payload, topic)
        self.seen.append(request.request_id)
        if request.verb is ServiceVerb.STATUS:
            self.reply(request)
        else:
            self.serve(self, request)

    def progress(self, request, done):
        message = ServiceProgress(request_id=request.request_id, done=done, total=3)
        self.client.publish(TOPICS.service_progress(request.request_id), encode(message), qos=0)

    def reply(self, request):
        reply = ServiceReply(request_id=request.request_id, document=msgspec.Raw(b"[1]"))
        self.client.publish(TOPICS.service_reply(request.request_id), encode(reply))


@pytest.fixture
def clients(running):
    with MqttClient(running.url, "service") as service, MqttClient(running.url, "asker") as asker:
        asker.connect(TIMEOUT_S)
        yield service, asker


def test_progress_then_the_answer(clients):
    def serve(service, request):
        for done in range(3):
            service.progress(request, done)
        service.client.publish(TOPICS.service_reply(request.request_id), b"nonsense")
        service.reply(request)

    service = Service(clients[0], serve)
    steps = []
    reply = ask(clients[1], TOPICS, SEARCH, TIMEOUT_S, steps.append)
    assert bytes(reply.document) == b"[1]"
    assert [step.done for step in steps] == [0, 1, 2]
    assert service.seen == ["r1-hello", "r1"]
    assert clients[1].failures == 1


def test_status_needs_no_hello(clients):
    service = Service(clients[0], lambda *_: None)
    ask(clients[1], TOPICS, ServiceRequest(request_id="r2", verb=ServiceVerb.STATUS), TIMEOUT_S)
    assert service.seen == ["r2"]


def test_no_service_is_told_soon_whatever_the_timeout(clients, monkeypatch):
    monkeypatch.setattr(asking, "HELLO_S", 0.3)
    address = str(clients[1].address)
    with pytest.raises(UnreachableError, match=f"no search service answered on {address}; start one with: nasc-sdk up"):
        ask(clients[1], TOPICS, SEARCH, 3600.0)


def test_a_service_that_begins_and_stops(clients, monkeypatch):
    monkeypatch.setattr(asking, "STILL_S", 0.1)
    Service(clients[0], lambda service, request: service.progress(request, 0))
    with pytest.raises(UnreachableError, match="began search but gave no answer"):
        ask(clients[1], TOPICS, SEARCH, 0.5)


def test_a_service_that_tells_of_its_progress_is_waited_for(clients, monkeypatch):
    """As while a user's function trains network after network."""
    monkeypatch.setattr(asking, "STILL_S", 1.5)

    def work(service, request):
        for done in range(3):
            service.progress(request, done)
            time.sleep(0.6)
        service.reply(request)

    Service(clients[0], lambda *asked: threading.Thread(target=work, args=asked, daemon=True).start())
    assert bytes(ask(clients[1], TOPICS, SEARCH, 0.5).document) == b"[1]"


def test_a_service_that_is_there_and_says_nothing_more(clients):
    Service(clients[0], lambda service, request: None)
    with pytest.raises(UnreachableError, match="is there and was asked to search but gave no answer"):
        ask(clients[1], TOPICS, SEARCH, 0.5)


def test_the_answer_is_asked_for_again_after_a_restart_of_the_broker(kind, tmp_path):
    asked, restarted = threading.Event(), threading.Event()

    def serve(service, request):
        asked.set()
        if restarted.is_set():
            service.reply(request)

    with (
        broker(kind, tmp_path / "one") as first,
        MqttClient(first.url, "service") as service_client,
        MqttClient(first.url, "asker") as asker,
    ):
        service = Service(service_client, serve)
        asker.connect(TIMEOUT_S)
        replies = []
        asking_thread = threading.Thread(target=lambda: replies.append(ask(asker, TOPICS, SEARCH, TIMEOUT_S)))
        asking_thread.start()
        assert asked.wait(TIMEOUT_S)
        first.kill()
        wait_for(lambda: not asker.connected and not service_client.connected)
        restarted.set()
        with broker(kind, tmp_path / "two", first.port):
            # The service may be back later than the asker, which therefore asks more than once.
            asking_thread.join(TIMEOUT_S)
            assert len(replies) == 1
            assert service.seen.count("r1") >= 2
            asker.close()
            service_client.close()


def test_giving_up_names_the_request_and_hears_what_became_of_it(clients):
    service, asker = clients
    heard = []

    def serve(self, request):
        heard.append((request.verb, request.options))
        reply = ServiceReply(request_id=request.request_id, document=msgspec.Raw(b'{"text":"stopped"}'))
        self.client.publish(TOPICS.service_reply(request.request_id), encode(reply))

    Service(service, serve)
    assert bytes(cancel(asker, TOPICS, SEARCH).document) == b'{"text":"stopped"}'
    assert heard == [(ServiceVerb.CANCEL, {"request_id": "r1"})]
    assert _give_up(asker, "lab", SEARCH) == "stopped"


def test_a_service_that_does_not_say_that_it_stopped(clients, monkeypatch):
    monkeypatch.setattr(asking, "CANCEL_S", 0.2)
    service, asker = clients
    Service(service, lambda *_: None)
    assert "has not said that it stopped; if it was asked it goes on" in _give_up(asker, "lab", SEARCH)
