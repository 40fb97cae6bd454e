"""Tables of known devices: what ships, what is read, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasc_sdk.errors import InputError
from nasc_search.fewshot.basis import Reach, basis_of
from nasc_search.fewshot.known import (
    KnownDevice,
    KnownTable,
    decode_table,
    encode_table,
    family_of,
    known_table,
    read_table,
    shipped,
    write_table,
)
from nasc_search.measured.npz import Quantity, SpaceName

SPACES = list(SpaceName)


def names_of(devices):
    return ", ".join(device.name for device in devices)


def table(*names):
    size = len(basis_of(SpaceName.NB201).names)
    rng = np.random.default_rng(0)
    devices = [KnownDevice(name, "edge", Reach.LIVE, 12.3456789, 0.0123456789, rng.normal(size=size)) for name in names]
    return KnownTable(SpaceName.NB201, Quantity.LATENCY_MS, "us", "MIT", "nasc-sdk prior fit", tuple(devices))


@pytest.mark.parametrize("space", SPACES)
def test_what_ships(space):
    found = shipped(space)
    assert (found.space, found.quantity) == (space, Quantity.LATENCY_MS)
    assert len(found.devices) >= 23
    assert found.licence == "MIT"
    assert "HW-NAS-Bench" in found.origin
    assert found.command.startswith("nasc-sdk prior fit")
    # No folder of the machine that made it.
    assert "/" not in found.command.replace(found.origin, "")
    basis = basis_of(space)
    for device in found.devices:
        assert device.coefficients.shape == (len(basis.names),)
        assert device.reach in basis.reaches


@pytest.mark.parametrize("space", SPACES)
def test_what_ships_is_what_is_written(space):
    found = shipped(space)
    assert encode_table(decode_table(encode_table(found))) == encode_table(found)


def test_latencies_stand_in_for_energies():
    found = known_table(None, SpaceName.NB201, Quantity.ENERGY_MJ)
    assert found.quantity is Quantity.LATENCY_MS
    assert names_of(found.devices) == names_of(shipped(SpaceName.NB201).devices)


def test_written_and_read_again(tmp_path):
    written = table("a", "b")
    path = tmp_path / "t.json"
    write_table(path, written)
    read = read_table(path)
    assert replace(read, devices=()) == replace(written, devices=())
    for one, other in zip(written.devices, read.devices, strict=True):
        assert (other.name, other.family, other.reach) == (one.name, one.family, one.reach)
        assert other.mean == 12.346
        assert other.noise == 0.012346
        assert other.coefficients == pytest.approx(one.coefficients, rel=1e-4)
    again = tmp_path / "again.json"
    write_table(again, read)
    assert again.read_bytes() == path.read_bytes()


def test_a_table_is_of_what_is_asked_for(tmp_path):
    path, latency = tmp_path / "t.json", Quantity.LATENCY_MS
    write_table(path, table("a"))
    assert names_of(known_table(path, SpaceName.NB201, latency).devices) == "a"
    assert names_of(known_table(None, SpaceName.FBNET, latency).devices) == names_of(shipped(SpaceName.FBNET).devices)
    for space, quantity in ((SpaceName.FBNET, latency), (SpaceName.NB201, Quantity.ENERGY_MJ)):
        with pytest.raises(InputError, match=f"knows latency_ms in nb201; {quantity} in {space} is asked for"):
            known_table(path, space, quantity)


WHOLE = json.dumps(encode_table(table("a")))


@given(st.integers(0, len(WHOLE) - 1))
def test_every_truncation_is_refused(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("cut") / "t.json"
    path.write_text(WHOLE[:length])
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_table(path)


def test_a_file_that_is_none_or_no_text(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "bytes.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["features"].pop(), "other features"),
        (lambda data: data["features"].reverse(), "other features"),
        (lambda data: data.update(schema=2), "other features"),
        (lambda data: data.update(space="darts"), "not a table"),
        (lambda data: data.update(quantity="volts"), "not a table"),
        (lambda data: data.pop("devices"), "not a table"),
        (lambda data: data.pop("licence"), "not a table"),
        (lambda data: data.update(devices=[1, 2]), "not a table"),
        (lambda data: data["devices"]["a"].update(reach="half"), "not a table"),
        (lambda data: data["devices"]["a"].update(mean=0), "not a table"),
        (lambda data: data["devices"]["a"].update(mean="fast"), "not a table"),
        (lambda data: data["devices"]["a"].update(noise=-0.1), "not a table"),
        (lambda data: data["devices"]["a"].update(noise=float("nan")), "not a table"),
        (lambda data: data["devices"]["a"]["coefficients"].pop(), "not a table"),
        (lambda data: data["devices"]["a"]["coefficients"].__setitem__(0, float("inf")), "not a table"),
        (lambda data: data["devices"]["a"]["coefficients"].__setitem__(0, None), "not a table"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, change, said):
    data = json.loads(WHOLE)
    change(data)
    path = tmp_path / "t.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=said):
        read_table(path)


@pytest.mark.parametrize("document", [[], 3, None, "table", {}])
def test_another_document_is_refused(document):
    with pytest.raises(InputError, match="not a table"):
        decode_table(document)


def test_without_leaves_out_all_that_carry_the_name():
    found = table("raspi4", "Raspi4_b", "rice_edgegpu", "gpu", "fpga")
    assert names_of(found.without("raspi4")) == "rice_edgegpu, gpu, fpga"
    assert names_of(found.without("RASPI4")) == "rice_edgegpu, gpu, fpga"
    assert len(found.without("tx2")) == 5


def test_without_leaves_out_a_device_whose_name_is_a_part():
    found = table("edgegpu", "raspi4", "fpga")
    assert names_of(found.without("rice_edgegpu")) == "raspi4, fpga"
    assert names_of(found.without("raspi4@600MHz")) == "edgegpu, fpga"


@given(st.sampled_from([device.name for device in shipped(SpaceName.NB201).devices]))
def test_no_shipped_device_left_carries_the_name(name):
    left = shipped(SpaceName.NB201).without(name)
    assert left
    assert not [device.name for device in left if name in device.name]


def test_select_keeps_the_order_asked_for():
    found = table("a", "b", "c")
    assert names_of(found.select(["c", "a"])) == "c, a"
    with pytest.raises(InputError, match="no known device x, y; there are a, b, c"):
        found.select(["x", "a", "y"])


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("1080ti_32", "graphics card"),
        ("titan_rtx_1", "graphics card"),
        ("eagle_GTX", "graphics card"),
        ("gold_6240", "server processor"),
        ("silver_4114", "server processor"),
        ("raspi4", "edge"),
        ("edgegpu", "edge"),
    ],
)
def test_families(name, family):
    assert family_of(name) == family
