"""Shares are measured once: what ships or was kept is used while weights and codings are the same."""

import pytest

from nasc_sdk.candidate import CutEncoding, Entropy
from nasc_sdk.entropy import EVERYWHERE
from nasc_search.encodings.blocks import ENCODINGS, fits
from nasc_search.pretrained.load import open_pretrained
from nasc_search.pretrained.shares import SHARES, KeptShares, load_shares, open_shares, save_shares

FOUND = {
    (0, CutEncoding(8, 0, Entropy.ZLIB)): 0.8,
    (0, CutEncoding(8, 0, Entropy.ZSTD)): 0.82,
    (1, CutEncoding(4, 0, Entropy.ZLIB)): 0.25,
    (1, CutEncoding(4, 2, Entropy.ZSTD)): 0.3,
}
KEPT = KeptShares.of("weights", "arch", FOUND)


def never(arch):
    raise AssertionError(arch)


def test_what_is_kept_comes_back(tmp_path):
    save_shares(tmp_path / SHARES, KEPT)
    found = load_shares(tmp_path / SHARES, "weights")
    assert found == KEPT
    assert found.shares == FOUND
    assert load_shares(tmp_path / SHARES, "others") is None
    assert load_shares(tmp_path / "nothing", "weights") is None


OLD = b'{"weights":"weights","arch":"a","percentile":95.0,"rows":[{"cut":0,"bits":8,"coding":"zlib","share":0.8}]}'


@pytest.mark.parametrize("text", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"weights": "weights", "rows": 7}', OLD])
def test_damaged_files_count_as_missing(tmp_path, text):
    (tmp_path / SHARES).write_bytes(text)
    assert load_shares(tmp_path / SHARES, "weights") is None


def test_a_coding_that_was_installed_later_is_measured(tmp_path):
    kept = KeptShares.of("weights", "arch", {(0, CutEncoding(entropy=Entropy.ZLIB)): 0.8})
    assert kept.covers(EVERYWHERE)
    assert not kept.covers(Entropy)
    save_shares(tmp_path / SHARES, kept)
    assert load_shares(tmp_path / SHARES, "weights") is None


def test_they_are_measured_once_on_the_most_accurate(tmp_path):
    asked = []

    def measure(arch):
        asked.append(arch)
        return FOUND

    evaluated = {"good": 0.7, "best": 0.9, "poor": 0.2}
    for _ in range(2):
        assert open_shares(None, tmp_path, "weights", evaluated, measure) == FOUND
    assert asked == ["best"]
    assert open_shares(KEPT, tmp_path / "not there", "weights", evaluated, never) == FOUND


def test_the_shipped_ones_are_of_the_shipped_weights_and_whole(tmp_path):
    trained = open_pretrained(None, tmp_path)
    assert trained.shares is not None
    last = trained.catalogue.cuts - 1
    shares, specs = trained.shares.shares, trained.catalogue.cut_specs
    places = [(cut, code) for cut in range(last) for code in ENCODINGS if fits(code, cut, last, specs[cut])]
    assert set(shares) == {place for place in places if place[1].entropy is not Entropy.NONE}
    # What a coding adds at least to a payload of some dozen bytes is half of it.
    assert all(0.05 < share < 1.5 for share in shares.values())
    narrow = [share for (cut, code), share in shares.items() if code.bottleneck and cut <= 3]
    assert max(narrow) < 0.92, "what encoders leave of large cuts has more to take"
