from __future__ import annotations

import msgspec
import pytest

from nasc_sdk.cli.asking import document_of
from nasc_sdk.errors import RefusedError, RemoteProtocolError
from nasc_sdk.profiling.profile import Conditions, Profile
from nasc_sdk.profiling.remote import RemoteProfile, read_profiles
from nasc_sdk.protocol.messages import ServiceReply, ServiceVerb

PROFILE = Profile("pi4", Conditions("ai-edge-litert 2.3.0", "xnnpack", 1, "aarch64", ""), ())


def _reply(document: object, **facts: object) -> ServiceReply:
    return ServiceReply(request_id="r", document=msgspec.Raw(msgspec.json.encode(document)), **facts)


def test_profiles_are_read_from_the_reply():
    document = RemoteProfile(PROFILE, PROFILE, {"mean_error": 0.02})
    assert read_profiles(document_of(_reply(document), ServiceVerb.PROFILE)) == document
    assert read_profiles(msgspec.json.encode({"profile": PROFILE, "fit": {}})).edge_profile is None


@pytest.mark.parametrize("document", [None, [], {}, {"profile": {}}, {"profile": PROFILE, "fit": 3}])
def test_another_document_is_a_protocol_error(document):
    with pytest.raises(RemoteProtocolError, match="not profiles"):
        read_profiles(document_of(_reply(document), ServiceVerb.PROFILE))


def test_a_refusal_keeps_the_exit_code_of_the_service():
    with pytest.raises(RefusedError, match="pi4 is offline") as caught:
        document_of(_reply(None, exit_code=4, error="pi4 is offline"), ServiceVerb.PROFILE)
    assert caught.value.exit_code == 4
    assert RefusedError.exit_code == 8
