"""The log of a training: rows that resume, events that parse, curves."""

import json
import struct
import zlib
from dataclasses import replace

import pytest
from PIL import Image

from nasc_sdk.errors import InputError
from nasc_search.supernet import event_file
from nasc_search.supernet.checkpoint import load
from nasc_search.supernet.model import Supernet
from nasc_search.supernet.options import TrainOptions
from nasc_search.supernet.run_log import RunLog, events_path, log_path, picture_path, read_rows
from nasc_search.supernet.train import train
from tests.supernet.tasks import SPACE, task

OPTIONS = TrainOptions(steps=6, batch=8, seed=5)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def message(data):
    """Fields of a protocol buffer as (number, value)."""
    fields, at = [], 0
    while at < len(data):
        key, at = varint(data, at)
        match key & 7:
            case 0:
                value, at = varint(data, at)
            case 1:
                value, at = struct.unpack_from("<d", data, at)[0], at + 8
            case 5:
                value, at = struct.unpack_from("<f", data, at)[0], at + 4
            case 2:
                size, at = varint(data, at)
                value, at = data[at : at + size], at + size
        fields.append((key >> 3, value))
    return fields


def records(data):
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        length_crc, = struct.unpack_from("<I", data, at + 8)
        body = data[at + 12 : at + 12 + size]
        body_crc, = struct.unpack_from("<I", data, at + 12 + size)
        assert length_crc == event_file.masked_crc(data[at : at + 8])
        assert body_crc == event_file.masked_crc(body)
        yield dict(message(body))
        at += 16 + size


def events(path):
    """(step, {tag: value}) of every record but the first."""
    first, *others = records(path.read_bytes())
    assert first[3] == b"brain.Event:2"
    found = []
    for event in others:
        values = [dict(message(value)) for _, value in message(event[5])]
        found.append((event[2], {value[1].decode(): value[2] for value in values}))
    return found


def test_checksums_are_castagnolis():
    """Test vectors of RFC 3720, appendix B.4, under TFRecord's mask."""
    for data, crc in ((bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)):
        assert event_file.masked_crc(data) == ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF
    assert event_file.masked_crc(b"abc") != zlib.crc32(b"abc")


def test_large_steps_and_names():
    (record,) = records(event_file.scalars(1.5, 1 << 40, {"a" * 200: 2.0}))
    assert record[1] == 1.5
    assert record[2] == 1 << 40


def test_a_training_leaves_rows_events_and_a_picture(tmp_path):
    path = tmp_path / "s.safetensors"
    train(Supernet(SPACE), task(), OPTIONS, path, lambda now: None)
    rows = read_rows(log_path(path))
    assert [row.step for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(row.loss > 0 and row.images_per_s > 0 for row in rows)
    told = events(events_path(path))
    assert [step for step, _ in told] == [1, 2, 3, 4, 5, 6]
    for row, (_, values) in zip(rows, told, strict=True):
        assert values["loss"] == pytest.approx(row.loss, rel=1e-6)
        assert values["learning_rate"] == pytest.approx(row.learning_rate, rel=1e-6)
    with Image.open(picture_path(path)) as picture:
        assert picture.size == (840, 480)


def test_a_resumed_log_is_the_uninterrupted_one(tmp_path):
    def stop(now):
        raise KeyboardInterrupt

    whole, halved = tmp_path / "whole.safetensors", tmp_path / "halved.safetensors"
    train(Supernet(SPACE, 5), task(), OPTIONS, whole, lambda now: None)
    train(Supernet(SPACE, 5), task(), OPTIONS, halved, lambda now: None)
    # As after a crash: the log is ahead of the checkpoint, its last line half written.
    halved.unlink()
    with pytest.raises(KeyboardInterrupt):
        train(Supernet(SPACE, 5), task(Third), OPTIONS, halved, stop)
    ahead = log_path(whole).read_text()
    log_path(halved).write_text(ahead + '{"step": 7, "lo')
    train(Supernet(SPACE, 5), task(), OPTIONS, halved, lambda now: None, resume=True)
    first, second = (read_rows(log_path(path)) for path in (whole, halved))
    assert [(row.step, row.loss) for row in first] == [(row.step, row.loss) for row in second]
    assert [step for step, _ in events(events_path(halved))] == [1, 2, 3, 4, 5, 6]


class Third(type(task())):
    """Ctrl-C at the start of the third step."""

    __slots__ = ()
    calls = 0

    def scale(self, images):
        Third.calls += 1
        if Third.calls == 3:
            raise KeyboardInterrupt
        return super().scale(images)


def test_many_steps_make_few_rows_and_the_rest_is_kept(tmp_path):
    log = RunLog(tmp_path / "s.safetensors", 2500, 8)
    for step in range(1, 2500):
        log.take(step, float(step), 0.1)
    log.close(2499, 0.1)
    rows = read_rows(log_path(tmp_path / "s.safetensors"))
    assert len(rows) == 833
    assert rows[0].loss == 2.0
    assert sum(row.loss * 3 for row in rows) == sum(range(1, 2500))


def test_a_diverged_training_says_so_and_keeps_what_it_had(tmp_path):
    path = tmp_path / "s.safetensors"
    with pytest.raises(InputError, match=r"diverged at step .* lower learning rate"):
        train(Supernet(SPACE), task(), replace(OPTIONS, steps=60, learning_rate=1e30), path, lambda now: None)
    assert all(value.isfinite().all() for value in load(path).supernet.parameters())
    assert json.loads(log_path(path).read_text().splitlines()[0])["step"] == 1
