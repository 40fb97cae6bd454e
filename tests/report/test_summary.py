"""The summary as a file."""

from __future__ import annotations

import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.report.summary import load, save
from tests.report.summaries import summary


def test_round_trip(tmp_path):
    save(tmp_path / "summary.json", summary())
    assert load(tmp_path / "summary.json") == summary()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"format": 1}', b"[" * 100_000])
def test_damaged_files(tmp_path, data):
    path = tmp_path / "summary.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"summary\.json"):
        load(path)


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "summary.json"
    save(path, summary(states=(), profiles=(), timeline=()))
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            load(path)


def test_another_format_is_named(tmp_path):
    path = tmp_path / "summary.json"
    save(path, summary(timeline=()))
    path.write_bytes(path.read_bytes().replace(b'"format": 2', b'"format": 3'))
    with pytest.raises(InputError, match="format 3"):
        load(path)
