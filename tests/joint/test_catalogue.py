from dataclasses import replace

import numpy as np
import pytest

from nasc_sdk.cost.features import block_key
from nasc_sdk.errors import InputError, StorageError
from nasc_search.encodings.blocks import encoder_block
from nasc_search.export.arena import arena_bytes
from nasc_search.export.quantize import quantize
from nasc_search.export.simplify import simplify
from nasc_search.export.writer import write_int8
from nasc_search.joint.catalogue import load_catalogue, open_catalogue, save_catalogue
from nasc_search.joint.memory import block_plan, head_bytes
from tests.export.networks import case
from tests.joint.catalogues import SPACE, catalogue


def same(first, second):
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in (
            "archs",
            "block_keys",
            "block_of",
            "cut_specs",
            "arena_bytes",
            "flash_bytes",
            "digest",
            "space",
        )
    )


def test_rows_hold_the_keys_of_what_runs():
    for row in range(0, len(SPACE.archs), 23):
        network = simplify(SPACE.network(SPACE.archs[row]))
        keys = [catalogue().block_keys[number] for number in catalogue().block_of[row]]
        assert keys == [block_key(block) for block in network.blocks]
        assert catalogue().cut_specs == tuple(network.cut_spec(cut) for cut in network.cuts)


def test_memory_is_what_the_exporter_needs():
    rng = np.random.default_rng(3)
    for row in rng.choice(len(SPACE.archs), 6, replace=False):
        network = SPACE.network(SPACE.archs[row])
        quantized = quantize(*case(network, int(row))[:3])
        for cut in range(1, len(network.blocks) + 1):
            head = quantized.slice(0, cut)
            planned, written = arena_bytes(head), len(write_int8(head))
            assert catalogue().arena_bytes[row, cut] == planned, cut
            assert catalogue().flash_bytes[row, cut] == pytest.approx(written, rel=0.02, abs=300), cut


def test_an_encoder_after_a_head_needs_the_arena_of_the_larger_of_both():
    for arch in SPACE.archs[::37]:
        network = simplify(SPACE.network(arch))
        plans = [block_plan(block) for block in network.blocks]
        for cut in range(1, len(plans)):
            for channels in (2, 4, 8):
                encoder = block_plan(encoder_block(cut, network.cut_spec(cut), channels))
                alone = max(head_bytes(plans[:cut]), head_bytes([encoder]))
                assert head_bytes([*plans[:cut], encoder]) == alone


def test_file_round_trip_and_reuse(tmp_path):
    path = tmp_path / "catalogue.npz"
    save_catalogue(catalogue(), path)
    assert same(load_catalogue(path), catalogue())
    before = path.stat().st_mtime_ns
    assert same(open_catalogue(SPACE, path), catalogue())
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("spoil", ["garbage", "truncated", "other"])
def test_a_file_of_something_else_is_built_anew(tmp_path, spoil):
    path = tmp_path / "catalogue.npz"
    save_catalogue(catalogue() if spoil != "other" else replace(catalogue(), digest="0"), path)
    if spoil == "garbage":
        path.write_bytes(b"not a zip")
    if spoil == "truncated":
        path.write_bytes(path.read_bytes()[:-40])
    if spoil != "other":
        with pytest.raises(InputError):
            load_catalogue(path)
    told = []
    assert same(open_catalogue(SPACE, path, lambda done, total: told.append((done, total))), catalogue())
    assert told[0] == (0, len(SPACE.archs))
    assert same(load_catalogue(path), catalogue())


def test_unwritable_place_is_said(tmp_path):
    with pytest.raises(StorageError):
        save_catalogue(catalogue(), tmp_path / "missing" / "catalogue.npz")


def test_first_places_cover_each_key():
    for key, (arch, index) in zip(catalogue().block_keys, catalogue().first_places(), strict=True):
        row = catalogue().archs.index(arch)
        assert catalogue().block_keys[catalogue().block_of[row, index]] == key


def test_some_architectures_keep_what_is_theirs():
    rows = np.zeros(len(SPACE.archs), bool)
    rows[[3, 50, 200]] = True
    few = catalogue().only(rows)
    assert few.archs == tuple(SPACE.archs[row] for row in (3, 50, 200))
    for at, row in enumerate((3, 50, 200)):
        whole = [catalogue().block_keys[number] for number in catalogue().block_of[row]]
        assert [few.block_keys[number] for number in few.block_of[at]] == whole
        assert (few.arena_bytes[at] == catalogue().arena_bytes[row]).all()
    assert [key for key in few.block_keys if key not in catalogue().block_keys] == []
    assert len(few.first_places()) == len(few.block_keys), "each key is of one of them"
