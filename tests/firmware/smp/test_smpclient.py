"""The public SMP client, smpclient, against the firmware's server: what it speaks, other tools speak."""

import asyncio
import hashlib
import random
from enum import IntEnum
from typing import ClassVar

import pytest

from tests.firmware.smp.terminal import terminal_board

pytest.importorskip("smpclient", reason="smpclient is not installed")

from smp import error, header, message
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.image_management import ImageStatesRead
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.transport.serial import SMPSerialTransport

GROUP = 64


class NascError1(error.ErrorV1):
    _GROUP_ID: ClassVar = GROUP
    off: int | None = None


class NascStatus(IntEnum):
    BAD_PLAN = 6


class NascError2(error.ErrorV2[NascStatus]):
    _GROUP_ID: ClassVar = GROUP
    off: int | None = None
    rsn: str | None = None


class HelloResponse(message.ReadResponse):
    _GROUP_ID: ClassVar = GROUP
    _COMMAND_ID: ClassVar = 0
    protocol: int
    firmware: str
    board: str
    core: str
    clock_hz: int
    ram: int
    flash: int
    arena: int
    kernels: str
    packing: int
    id: bytes
    time_source: str
    time_unit: int
    time_hz: int
    capacity: int
    packet: int
    window: int
    raw: bool


class Hello(message.ReadRequest):
    _GROUP_ID: ClassVar = GROUP
    _COMMAND_ID: ClassVar = 0
    _Response: ClassVar = HelloResponse
    _ErrorV1: ClassVar = NascError1
    _ErrorV2: ClassVar = NascError2


class UploadResponse(message.WriteResponse):
    _GROUP_ID: ClassVar = GROUP
    _COMMAND_ID: ClassVar = 2
    off: int


class Upload(message.WriteRequest):
    _GROUP_ID: ClassVar = GROUP
    _COMMAND_ID: ClassVar = 2
    _Response: ClassVar = UploadResponse
    _ErrorV1: ClassVar = NascError1
    _ErrorV2: ClassVar = NascError2
    off: int
    data: bytes
    len: int | None = None
    sha: bytes | None = None


class CommitResponse(message.WriteResponse):
    _GROUP_ID: ClassVar = GROUP
    _COMMAND_ID: ClassVar = 3


class Commit(message.WriteRequest):
    _GROUP_ID: ClassVar = GROUP
    _COMMAND_ID: ClassVar = 3
    _Response: ClassVar = CommitResponse
    _ErrorV1: ClassVar = NascError1
    _ErrorV2: ClassVar = NascError2
    sha: bytes


def run(program, conversation):
    async def converse(name):
        async with SMPClient(SMPSerialTransport(), name, timeout_s=10) as client:
            await conversation(client)

    with terminal_board(program) as (name, _):
        asyncio.run(converse(name))


def test_the_os_group(server_program):
    async def conversation(client):
        echoed = await client.request(EchoWrite(d="hello " * 40))
        assert success(echoed)
        assert echoed.r == "hello " * 40
        parameters = await client.request(MCUMgrParametersRead())
        assert success(parameters)
        assert (parameters.buf_size, parameters.buf_count) == (768, 4)
        assert success(await client.request(ResetWrite()))
        images = await client.request(ImageStatesRead())
        assert images.rc == error.MGMT_ERR.ENOTSUP

    run(server_program, conversation)


def test_our_group(server_program):
    async def conversation(client):
        hello = await client.request(Hello())
        assert success(hello)
        assert (hello.board, hello.id, hello.raw) == ("host-double", bytes((*range(1, 12), 255)), True)
        # 762 bytes, of 764: what it sends once it knows the buffer's size.
        plan = random.Random(1).randbytes(5000)
        digest = hashlib.sha256(plan).digest()
        answer = await client.request(Upload(off=0, data=b"", len=len(plan), sha=digest))
        while answer.off < len(plan):
            answer = await client.request(Upload(off=answer.off, data=plan[answer.off : answer.off + 740]))
            assert success(answer)
        assert success(await client.request(Commit(sha=digest)))

    run(server_program, conversation)


def test_errors_of_our_group_in_both_versions(server_program):
    async def conversation(client):
        plan = b"\xff" + bytes(99)
        digest = hashlib.sha256(plan).digest()
        assert success(await client.request(Upload(off=0, data=plan, len=len(plan), sha=digest)))
        refused = await client.request(Commit(sha=digest))
        assert refused.err.rc is NascStatus.BAD_PLAN
        assert refused.rsn == "bounds of operator 3"
        refused = await client.request(Commit(sha=digest, version=header.Version.V1))
        assert (refused.rc, refused.rsn) == (error.MGMT_ERR.ECORRUPT, "bounds of operator 3")

    run(server_program, conversation)
