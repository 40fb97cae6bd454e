"""The local inference port over real sockets: answers, refusals, strangers, and its client."""

import contextlib
import itertools
import socket
import threading

import numpy as np
import pytest

from nasc_sdk.agent.ask import infer_files
from nasc_sdk.agent.client import AgentClient, infer_with_agent
from nasc_sdk.agent.local_port import LocalPort
from nasc_sdk.errors import InputError, RefusedError, RemoteProtocolError, UnreachableError
from nasc_sdk.link.shape import parse_address
from nasc_sdk.protocol import local
from nasc_sdk.protocol.local import Answer, ServedBy

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)


def answer_of(image):
    label = int(image.sum()) % 10
    return Answer(label, (0.5, float(label)), 1.0, 2.0, 3.0, 6.5, ServedBy.SPLIT, "a" * 16)


@pytest.fixture
def port():
    port = LocalPort(("127.0.0.1", 0), answer_of, max_clients=2)
    yield port
    port.close()


def stream(port):
    return socket.create_connection(parse_address(port.address), 10)


def test_answers_as_the_pipeline_does(port):
    with AgentClient(port.address) as one, AgentClient(port.address) as two:
        for image in IMAGES:
            assert one.infer(image) == two.infer(image) == answer_of(image)


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(16), b"NL\x01\x00\xff\xff\xff\xff\xff\xff"])
def test_garbage_closes_that_connection_only(port, garbage):
    with AgentClient(port.address) as good, stream(port) as bad:
        bad.sendall(garbage)
        with bad.makefile("rb") as file:
            kind, length = local.decode_reply_header(file.read(local.REPLY_HEADER_BYTES))
            assert local.decode_reply_body(kind, file.read(length)).code == "bad_request"
            with contextlib.suppress(ConnectionResetError):
                assert file.read() == b""
        assert good.infer(IMAGES[0]) == answer_of(IMAGES[0])


def test_a_request_that_does_not_end_closes_that_connection():
    port = LocalPort(("127.0.0.1", 0), answer_of, stall_s=0.1)
    try:
        with stream(port) as bad, AgentClient(port.address) as good:
            bad.sendall(local.encode_request(IMAGES[0])[:-1])
            assert bad.recv(1) == b""
            assert good.infer(IMAGES[0]) == answer_of(IMAGES[0])
    finally:
        port.close()


def test_too_many_clients_are_told(port):
    with AgentClient(port.address) as one, AgentClient(port.address) as two:
        one.infer(IMAGES[0])
        two.infer(IMAGES[0])
        with AgentClient(port.address) as three, pytest.raises((RefusedError, UnreachableError)):
            three.infer(IMAGES[0])
        assert one.infer(IMAGES[0])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RefusedError("no_head", "none"), "no_head"),
        (UnreachableError("edge", "gone"), "unreachable"),
        (InputError("wrong shape"), "bad_image"),
        (ZeroDivisionError("bug"), "failed"),
    ],
)
def test_refusals_keep_the_connection(error, code):
    errors = [error]

    def infer(image):
        if errors:
            raise errors.pop()
        return answer_of(image)

    port = LocalPort(("127.0.0.1", 0), infer)
    try:
        with AgentClient(port.address) as client:
            with pytest.raises(RefusedError) as caught:
                client.infer(IMAGES[0])
            assert caught.value.code == code
            assert client.infer(IMAGES[0]) == answer_of(IMAGES[0])
    finally:
        port.close()


def test_a_batch_is_summed_up():
    calls = iter(range(len(IMAGES)))

    def infer(image):
        if next(calls) == 2:
            raise UnreachableError("edge", "gone")
        return answer_of(image)

    port = LocalPort(("127.0.0.1", 0), infer)
    labels = np.array([answer_of(image).label for image in IMAGES])
    labels[0] += 1
    steps, seen = [], []
    try:
        report = infer_with_agent(
            port.address, IMAGES, labels, lambda *step: steps.append(step), on_answer=lambda i, _: seen.append(i)
        )
    finally:
        port.close()
    assert (report.requests, report.answered, report.failures) == (6, 5, {"unreachable": 1})
    assert report.accuracy == 4 / 5
    assert report.head_ms == (1.0, 1.0)
    assert report.total_ms == (6.5, 6.5)
    assert (report.served_by, report.contracts) == ({"split": 5}, {"a" * 16: 5})
    assert steps[-1] == (6, 6, "")
    assert seen == [0, 1, 3, 4, 5]


def test_arrays_that_do_not_fit_are_refused(port):
    for images in (IMAGES.astype(np.float32), IMAGES[0, 0]):
        with pytest.raises(InputError, match="images must be uint8"):
            infer_with_agent(port.address, images)
    with pytest.raises(InputError, match="no images in an array of 0x"):
        infer_with_agent(port.address, IMAGES[:0])
    with pytest.raises(InputError, match="there is a -1"):
        infer_with_agent(port.address, IMAGES, np.full(len(IMAGES), -1))
    with pytest.raises(InputError, match="as many whole labels"):
        infer_with_agent(port.address, IMAGES, np.zeros(5, np.int64))


def test_answers_before_the_agent_was_lost_are_kept(tmp_path):
    count = itertools.count()

    def infer(image):
        if next(count) == 2:
            # It waits for nobody: this thread is one of those that it ends.
            closing = threading.Thread(target=port.close, args=(0.0,))
            closing.start()
            closing.join()
        return answer_of(image)

    np.save(tmp_path / "x.npy", IMAGES)
    port = LocalPort(("127.0.0.1", 0), infer)
    with pytest.raises(UnreachableError, match=r"the 2 answers before that, of 6, are in .*y\.npy"):
        infer_files(port.address, tmp_path / "x.npy", None, tmp_path / "y.npy", lambda *_: None)
    logits = np.load(tmp_path / "y.npy")
    assert np.isfinite(logits).all(axis=1).tolist() == [True, True, False, False, False, False]


def test_no_agent():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host, number = taken.getsockname()
    with pytest.raises(UnreachableError):
        AgentClient(f"{host}:{number}")


def test_closing_ends_a_client_that_waits(port):
    client = AgentClient(port.address)
    client.infer(IMAGES[0])
    closing = threading.Thread(target=port.close)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    with pytest.raises(UnreachableError):
        client.infer(IMAGES[0])
    client.close()


@pytest.mark.parametrize("body", [b"", b"{}", b'{"label":1', b"[" * 5000, b"\xff"])
def test_replies_that_are_none(body):
    for kind in (Answer, local.Refusal):
        with pytest.raises(RemoteProtocolError):
            local.decode_reply_body(kind, body)


def test_reply_headers_that_are_none():
    good = local.encode_reply(answer_of(IMAGES[0]))[: local.REPLY_HEADER_BYTES]
    for bad in (b"XL" + good[2:], good[:2] + b"\x02" + good[3:], good[:3] + b"\x07" + good[4:], good[:4] + b"\xff" * 4):
        with pytest.raises(RemoteProtocolError):
            local.decode_reply_header(bad)
