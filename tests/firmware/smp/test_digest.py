import binascii
import hashlib
import random
import subprocess
import zlib

import pytest

from tests.firmware.smp.building import build


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build(tmp_path_factory.mktemp("digest"), "digest")


@pytest.mark.parametrize("count", [0, 1, 2, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 20000])
@pytest.mark.parametrize("piece", [1, 7, 64, 4096])
def test_checksums_are_those_of_python(program, count, piece):
    data = random.Random(count).randbytes(count)
    done = subprocess.run([program, str(piece)], input=data, capture_output=True, check=True, timeout=20)
    expected = f"{binascii.crc_hqx(data, 0):04x} {zlib.crc32(data):08x} {hashlib.sha256(data).hexdigest()}"
    assert done.stdout.decode() == expected
