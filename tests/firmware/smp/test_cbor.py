"""The C reader and writer against the cbor2 package."""

import random
import subprocess

import pytest

from tests.firmware.smp.building import build

cbor2 = pytest.importorskip("cbor2", reason="cbor2 is not installed")

FOUND, ABSENT, WRONG_TYPE = 0, 1, 2
NUMBERS = (0, 1, 23, 24, 255, 256, 65535, 65536, 2**32 - 1)


class Cbor:
    def __init__(self, program):
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        words = [word.hex() or "-" if isinstance(word, bytes) else str(word) for word in words]
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def is_map(self, data):
        return self.ask("map", data) == "1"

    def find(self, kind, key, data):
        result, value = self.ask(kind, key, data).split()
        if int(result) != FOUND:
            return int(result), None
        return FOUND, int(value) if kind == "uint" else bytes.fromhex(value.replace("-", ""))

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(timeout=20) == 0
        self._process.stdout.close()


@pytest.fixture(scope="module")
def cbor(tmp_path_factory):
    cbor = Cbor(build(tmp_path_factory.mktemp("cbor"), "cbor"))
    yield cbor
    cbor.close()


def value(random, depth):
    kinds = ["uint", "negative", "bytes", "text", "float", "simple"] + ["list", "map", "tag"] * (depth > 0)
    match random.choice(kinds):
        case "uint":
            return random.choice((*NUMBERS, 2**40, 2**64 - 1))
        case "negative":
            return -random.choice(NUMBERS[1:])
        case "bytes":
            return random.randbytes(random.choice((0, 1, 30, 300)))
        case "text":
            return "ü" * random.choice((0, 1, 11, 12, 200))
        case "float":
            return random.choice((0.5, 1e300, float("inf")))
        case "simple":
            return random.choice((None, True, False, cbor2.undefined, cbor2.CBORSimpleValue(99)))
        case "list":
            return [value(random, depth - 1) for _ in range(random.choice((0, 1, 3, 25)))]
        case "tag":
            return cbor2.CBORTag(random.choice((50000, 70000)), value(random, depth - 1))
        case _:
            return {random.randrange(10**6): value(random, depth - 1) for _ in range(random.randrange(4))}


@pytest.mark.parametrize("seed", range(60))
def test_any_map_is_read_and_no_beginning_of_one(cbor, seed):
    draw = random.Random(seed)
    content = {f"k{index}": value(draw, 4) for index in range(draw.randrange(5))}
    content |= {"off": draw.choice(NUMBERS), "data": draw.randbytes(draw.randrange(40)), "d": "text ä"}
    pairs = list(content.items())
    draw.shuffle(pairs)
    data = cbor2.dumps(dict(pairs))
    assert cbor.is_map(data)
    assert cbor.find("uint", "off", data) == (FOUND, content["off"])
    assert cbor.find("bytes", "data", data) == (FOUND, content["data"])
    assert cbor.find("text", "d", data) == (FOUND, "text ä".encode())
    assert cbor.find("uint", "absent", data) == (ABSENT, None)
    assert cbor.find("uint", "data", data) == (WRONG_TYPE, None)
    ends = range(len(data)) if len(data) < 400 else draw.sample(range(len(data)), 400)
    assert not any(cbor.is_map(data[:end]) for end in ends)
    assert not cbor.is_map(data + b"\x00")


@pytest.mark.parametrize(
    "data",
    [
        "bf636f6666182a6464617461420102ff",  # an indefinite map
        "bf616b9f01820203bf6131f6ffff636f6666182a6464617461420102ff",  # indefinite array and map within
        "a3616b5f4101420203ff636f6666182a6464617461420102",  # a chunked byte string under another key
        "a3616b7f616161626163ff636f6666182a6464617461420102",  # a chunked text
        "a3636f66661b000000000000002a6464617461420102617800",  # a number in more bytes than it needs
        "a30c01636f6666182a6464617461420102",  # a key that is a number
    ],
)
def test_what_mcumgr_tools_may_send(cbor, data):
    data = bytes.fromhex(data)
    assert cbor2.loads(data)["off"] == 42
    assert cbor.is_map(data)
    assert cbor.find("uint", "off", data) == (FOUND, 42)
    assert cbor.find("bytes", "data", data) == (FOUND, b"\x01\x02")
    assert not any(cbor.is_map(data[:end]) for end in range(len(data)))


@pytest.mark.parametrize(
    "data",
    [
        "",
        "80",  # an array
        "00",
        "f6",
        "ff",
        "a1ff",
        "a16161ff",  # a break for a value
        "bf6161ff",  # a break between key and value
        "a161611c",  # reserved
        "a16161f818",  # a two-byte simple value below 32
        "a161611f",  # an indefinite number
        "a16161df00",  # an indefinite tag
        "a161615f6161ff",  # a chunk of another type
        "a161615f5f4101ffff",  # chunks in chunks
        "bb7fffffffffffffff",  # 2^63 pairs
        "ba80000000",
        "a161615b8000000000000000",  # a string of 2^63 bytes
        "a161615affffffff00",
        "a161" + "81" * 8 + "00",
        "a16161" + "81" * 8 + "00",  # too deep
        "a16161" + "c1" * 40 + "00",
        "a16161" + "9f" * 2000,
    ],
)
def test_what_is_not_well_formed_is_refused(cbor, data):
    assert not cbor.is_map(bytes.fromhex(data))


def test_depth_up_to_the_bound_is_read(cbor):
    assert cbor.is_map(bytes.fromhex("a16161" + "81" * 6 + "00"))


@pytest.mark.parametrize("number", [2**32, 2**64 - 1])
def test_numbers_beyond_32_bits_are_of_the_wrong_type(cbor, number):
    data = cbor2.dumps({"off": number})
    assert cbor.is_map(data)
    assert cbor.find("uint", "off", data) == (WRONG_TYPE, None)


def test_what_is_found_is_there_also_in_damaged_maps(cbor):
    draw = random.Random(7)
    whole = cbor2.dumps({"a": [1, {"b": b"12"}], "off": 7, "data": b"12345678", "z": "text"})
    for _ in range(3000):
        data = bytearray(whole[: draw.randrange(len(whole) + 1)])
        for _ in range(draw.randrange(4)):
            if data:
                data[draw.randrange(len(data))] = draw.randrange(256)
        _, found = cbor.find("bytes", "data", bytes(data))
        assert found is None or found in bytes(data)
        if cbor.is_map(bytes(data)):
            continue
        # cbor2 takes nothing that is not well-formed either, but for bytes after the end.
        try:
            value = cbor2.loads(bytes(data))
        except Exception:
            continue
        assert not isinstance(value, dict) or cbor2.dumps(value) != bytes(data)


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_are_written_as_cbor2_does(cbor, number):
    assert bytes.fromhex(cbor.ask("write", "uint", number, b"")) == cbor2.dumps(number)
    assert bytes.fromhex(cbor.ask("write", "bool", number, b"")) == cbor2.dumps(bool(number))
    for kind, major in (("array", 4), ("map", 5)):
        expected = bytearray(cbor2.dumps(number))
        expected[0] |= major << 5
        assert bytes.fromhex(cbor.ask("write", kind, number, b"")) == expected


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 1000])
def test_strings_are_written_as_cbor2_does(cbor, count):
    assert bytes.fromhex(cbor.ask("write", "bytes", 0, b"x" * count)) == cbor2.dumps(b"x" * count)
    assert bytes.fromhex(cbor.ask("write", "text", 0, b"x" * count)) == cbor2.dumps("x" * count)
