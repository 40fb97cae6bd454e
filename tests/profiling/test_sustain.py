"""A sustained run: with a clock and files of its own, and a real short one."""

from __future__ import annotations

import msgspec
import pytest

from nasc_sdk.errors import InputError
from nasc_sdk.profiling.sustain import Recorder, Sustained, format_sustained, sustain
from nasc_sdk.profiling.sustained import STRETCH, State
from tests.support.tiny_models import conv_chain

HEAT = "sys/class/thermal/thermal_zone0/temp"
FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Board:
    """Takes 10 ms a run at first; after 40 s it is hot and takes 15 ms."""

    def __init__(self, root):
        self.root, self.ns, self.shown = root, 0, {}
        self._show(45.0, 1500, "0")

    def _show(self, celsius, mhz, flags):
        for name, text in ((HEAT, f"{celsius * 1000:.0f}\n"), (FREQUENCY, f"{mhz * 1000}\n"), (FIRMWARE, flags)):
            # Most of the thousands of runs change nothing, and truncating a file takes milliseconds.
            if self.shown.get(name) != text:
                write(self.root, name, text)
                self.shown[name] = text

    def clock(self):
        return self.ns

    def invoke(self):
        hot = self.ns > 40e9
        self.ns += 15_000_000 if hot else 10_000_000
        if hot:
            self._show(80.0, 900, "4")
        else:
            self._show(round(45 + self.ns / 1e9 * 0.8), 1500, "0")


def test_a_board_that_throttles(tmp_path):
    board = Board(tmp_path)
    recorder = Recorder(tmp_path, board.clock)
    assert recorder.run(board.invoke, 600.0, 1.0) is State.STEADY
    windows = recorder.windows
    assert 40 + 0.8 * STRETCH < windows[-1].ended_s < 41 + STRETCH + 1
    assert (windows[0].median_us, windows[-1].median_us) == (10_000, 15_000)
    assert (windows[-1].temperature_c, windows[-1].frequency_mhz) == (80.0, 900.0)
    assert recorder.flags == {"throttled", "lowered_clock"}
    assert windows[0].runs == 100


def test_the_limit_ends_it(tmp_path):
    board = Board(tmp_path)
    recorder = Recorder(tmp_path, board.clock)
    assert recorder.run(board.invoke, 20.0, 1.0) is State.NOT_STEADY
    assert len(recorder.windows) == 20


def test_a_window_holds_at_least_one_run(tmp_path):
    board = Board(tmp_path)
    recorder = Recorder(tmp_path, board.clock)
    recorder.run(board.invoke, 0.05, 0.001)
    assert [window.runs for window in recorder.windows] == [1] * 5


def test_an_interruption_keeps_the_windows(tmp_path):
    board = Board(tmp_path)

    def invoke():
        board.invoke()
        if board.ns > 3.5e9:
            raise KeyboardInterrupt

    recorder = Recorder(tmp_path, board.clock)
    assert recorder.run(invoke, 600.0, 1.0) is State.INTERRUPTED
    assert len(recorder.windows) == 3


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(conv_chain(2))
    return path


def test_a_real_short_run(model, tmp_path):
    seen = []
    found = sustain(model, limit_s=0.8, window_s=0.02, progress=lambda *step: seen.append(step), root=tmp_path)
    assert found.comparison.state in (State.STEADY, State.NOT_STEADY)
    assert 2 <= len(found.windows) == len(seen) <= 41
    assert all(0 < window.median_us <= window.p95_us for window in found.windows)
    assert all(window.duration_s >= 0.02 for window in found.windows)
    assert sum(window.duration_s for window in found.windows) <= found.comparison.duration_s + 1e-6
    assert msgspec.json.decode(msgspec.json.encode(found), type=Sustained) == found
    text = format_sustained(found)
    assert "net.tflite, without a pause: ai-edge-litert" in text
    assert "temperature not shown; frequency not shown; no throttling shown" in text
    assert "the system shows no temperature: latency alone decided, after 0.4 s at least" in text


def test_the_machine_at_both_ends_is_said(model, tmp_path):
    write(tmp_path, HEAT, "45000")
    write(tmp_path, FREQUENCY, "1500000")
    write(tmp_path, FIRMWARE, "0")
    write(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand")

    def heat(done, total, what):
        write(tmp_path, HEAT, "81000")
        write(tmp_path, FREQUENCY, "900000")
        write(tmp_path, FIRMWARE, "40004")

    text = format_sustained(sustain(model, limit_s=0.2, window_s=0.02, progress=heat, root=tmp_path))
    assert "at the start: 45.0 °C; 1500 MHz; no throttling shown" in text
    assert "at the end:   81.0 °C; 900 MHz; throttling: throttled, throttled_occurred" in text
    assert "45 to 81 °C" in text
    assert "the governor ondemand" in text
    assert "no temperature" not in text


def test_interrupted_before_the_first_window_is_an_interruption(model, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "_window", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sustain(model, root=tmp_path)


@pytest.mark.parametrize("bad", [{"limit_s": 0.0}, {"window_s": 0.0}, {"limit_s": float("nan")}])
def test_nothing_to_measure_is_refused(model, bad):
    with pytest.raises(InputError, match="longer than nothing"):
        sustain(model, **bad)
