"""Image in, answer out, against a real tensor port: every cut, every way a server can be of no help."""

from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.agent.edge_client import EdgeClient
from nasc_sdk.agent.pipeline import Pipeline
from nasc_sdk.agent.quantize import InputTable
from nasc_sdk.errors import InputError, RefusedError, UnreachableError
from nasc_sdk.ir.network import TensorSpec
from nasc_sdk.protocol.local import ServedBy
from tests.agent.heads import SCALE, ZERO_POINT, head_bundle
from tests.agent.serving import Heard, direct, edge_client, image, load, quantized, store_with, tail_at
from tests.edge.clients import serving

HEAD, TAIL = head_bundle(cut=2), tail_at(2)
LOCAL = head_bundle(1, cut=4)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with serving(store_with(tmp_path_factory.mktemp("tails"), TAIL, tail_at(0))) as (port, _):
        yield port


def pipeline(edge, *bundles):
    result = Pipeline(edge)
    result.switch(tuple(map(load, bundles)))
    return result


def local_logits(pixels):
    stored = load(LOCAL).session.run(quantized(pixels)).ravel().astype(np.float32)
    return (stored - ZERO_POINT) * np.float32(SCALE)


def test_split_is_head_then_tail(port):
    with edge_client(port) as edge:
        for seed in range(5):
            answer = pipeline(edge, HEAD).infer(image(seed))
            expected = direct(HEAD, TAIL, image(seed))
            np.testing.assert_allclose(answer.logits, expected, atol=1e-4)
            assert answer.label == expected.argmax()
            assert (answer.served_by, answer.contract) == (ServedBy.SPLIT, HEAD.manifest.contract.id)
            assert answer.total_ms >= answer.head_ms + answer.uplink_ms + answer.tail_ms - 1e-2
            assert min(answer.head_ms, answer.uplink_ms) > 0


def test_at_cut_0_the_quantized_image_is_the_payload(port):
    head, observer = head_bundle(cut=0), Heard()
    with edge_client(port, observer=observer) as edge:
        answer = pipeline(edge, head).infer(image())
    np.testing.assert_allclose(answer.logits, direct(head, tail_at(0), image()), atol=1e-4)
    assert answer.served_by is ServedBy.EDGE
    assert observer.transfers[0][0] == image().size


def test_all_local_needs_no_server():
    answer = pipeline(EdgeClient(Heard()), LOCAL).infer(image())
    np.testing.assert_allclose(answer.logits, local_logits(image()), atol=1e-5)
    assert answer.served_by is ServedBy.LOCAL
    assert answer.uplink_ms == answer.tail_ms == 0


def test_an_unknown_contract_is_answered_by_the_fallback_or_refused(port):
    stranger = head_bundle(7, cut=2)
    with edge_client(port) as edge:
        answer = pipeline(edge, stranger, LOCAL).infer(image())
        assert (answer.served_by, answer.contract) == (ServedBy.FALLBACK, LOCAL.manifest.contract.id)
        np.testing.assert_allclose(answer.logits, local_logits(image()), atol=1e-5)
        with pytest.raises(RefusedError) as caught:
            pipeline(edge, stranger).infer(image())
        assert caught.value.code == "unknown_contract"
        # The server said no to one contract; it is there for others.
        assert pipeline(edge, HEAD).infer(image()).served_by is ServedBy.SPLIT


def test_without_a_server_the_fallback_answers_or_the_error_says_so():
    edge = EdgeClient(Heard())
    assert pipeline(edge, HEAD, LOCAL).infer(image()).served_by is ServedBy.FALLBACK
    with pytest.raises(UnreachableError, match="address is not known"):
        pipeline(edge, HEAD).infer(image())


def test_without_a_head_the_error_says_so(port):
    with edge_client(port) as edge, pytest.raises(RefusedError) as caught:
        Pipeline(edge).infer(image())
    assert caught.value.code == "no_head"


def test_switching_changes_the_next_answer(port):
    with edge_client(port) as edge:
        served = pipeline(edge, HEAD)
        assert served.infer(image()).served_by is ServedBy.SPLIT
        served.switch((load(LOCAL),))
        assert served.infer(image()).contract == LOCAL.manifest.contract.id
        assert [manifest.all_local for manifest in served.manifests] == [True]


def test_a_request_under_way_ends_with_the_head_it_began_with(port):
    """The switch comes while the server is asked, and even while the fallback takes over."""

    class Switching:
        def __init__(self, edge):
            self._edge = edge

        def ask(self, contract, payload):
            served.switch((load(head_bundle(9, cut=4)),))
            return self._edge.ask(contract, payload)

    with edge_client(port) as edge:
        served = pipeline(Switching(edge), HEAD, LOCAL)
        answer = served.infer(image())
        assert (answer.served_by, answer.contract) == (ServedBy.SPLIT, HEAD.manifest.contract.id)
        np.testing.assert_allclose(answer.logits, direct(HEAD, TAIL, image()), atol=1e-4)
        served.switch(tuple(map(load, (head_bundle(7, cut=2), LOCAL))))
        answer = served.infer(image())
        assert (answer.served_by, answer.contract) == (ServedBy.FALLBACK, LOCAL.manifest.contract.id)
        np.testing.assert_allclose(answer.logits, local_logits(image()), atol=1e-5)
        assert served.infer(image()).contract == head_bundle(9, cut=4).manifest.contract.id


@pytest.mark.parametrize("wrong", [image()[:-1], image()[..., :1], image().astype(np.int16), image().ravel()])
def test_images_of_another_kind_are_refused(wrong):
    with pytest.raises(InputError, match="uint8 images of 8x8x4"):
        pipeline(EdgeClient(Heard()), LOCAL).infer(wrong)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_table_is_the_formula(channels):
    mean, std = (0.3, 0.5, 0.4)[:channels], (0.2, 0.3, 0.25)[:channels]
    manifest = replace(HEAD.manifest, input_shape=TensorSpec(16, 16, channels), mean=mean, std=std)
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, channels)).astype(np.uint8)
    steps = np.rint((pixels / 255 - np.array(mean)) / np.array(std) / SCALE) + ZERO_POINT
    np.testing.assert_array_equal(InputTable(manifest).quantized(pixels)[0], np.clip(steps, -128, 127))

