from __future__ import annotations

from dataclasses import replace

from nasc_sdk.profiling.profile import Conditions, Measurement, OpTiming, Profile, TimeUnit, Timing, Validity
from nasc_sdk.profiling.table import format_codes, format_conditions, format_profile

CONDITIONS = Conditions(
    "ai-edge-litert 2.3.0", "reference", 1, "x86_64", "a processor", label="stands in for a board"
)


def _unit(title: str, median: float, **facts: object) -> Measurement:
    found = Measurement(f"key of {title}", title, "8x8x4", Timing(median, 2 * median, median / 2, 9))
    return replace(found, **facts)


PROFILE = Profile(
    "pi4",
    CONDITIONS,
    (_unit("stem", 25.0), _unit("cell", 75.0)),
    (_unit("network 1", 99.0),),
    notes=("a note",),
)


def _cells(text: str, title: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(title)).split()


def test_blocks_have_shares_and_cumulated_shares():
    text = format_profile(PROFILE)
    assert _cells(text, "stem") == ["stem", "whole", "8x8x4", "25.0", "50.0", "25.0", "25.0"]
    assert _cells(text, "cell") == ["cell", "whole", "8x8x4", "75.0", "150.0", "75.0", "100.0"]
    assert _cells(text, "network 1")[-2:] == ["99.0", "198.0"]
    assert "2 blocks, 100.0 us in all (measured" in text
    assert "median us" in text
    assert "note: a note" in text


def test_few_repeats_have_least_and_most_instead_of_a_p95():
    timing = Timing(25.0, 26.0, 24.0, 3, 27.0)
    text = format_profile(replace(PROFILE, blocks=(replace(_unit("stem", 25.0), timing=timing),), heads=()))
    assert _cells(text, "stem") == ["stem", "whole", "8x8x4", "24.0", "25.0", "27.0", "100.0", "100.0"]
    assert text.index("min us") < text.index("median us") < text.index("max us")
    assert "p95" not in text


def test_blocks_say_what_they_run():
    text = format_profile(replace(PROFILE, blocks=(_unit("cell", 75.0, key="cell|add 8x8x4*2|conv3x3 8x8x4*1"),)))
    assert "1 conv3x3, 2 add" in text


def test_the_conditions_and_the_label_are_said():
    first = format_profile(PROFILE).splitlines()[0]
    assert first.startswith("pi4: ai-edge-litert 2.3.0; reference kernels; 1 thread; a processor, x86_64")
    assert first.endswith("stands in for a board")


def test_operators_come_before_their_whole():
    ops = tuple(
        OpTiming(index, op, "8x8x4", Timing(5.0, 6.0, 4.0, 9)) for index, op in enumerate(("CONV_2D", "ADD"))
    )
    text = format_profile(replace(PROFILE, blocks=(), heads=(_unit("a.tflite", 20.0, ops=ops),)))
    lines = [line.split() for line in text.splitlines()]
    assert ["a.tflite", "CONV_2D", "8x8x4", "5.0", "6.0", "25.0", "25.0"] in lines
    assert ["ADD", "8x8x4", "5.0", "6.0", "25.0", "50.0"] in lines
    assert ["whole", "8x8x4", "20.0", "40.0", "100.0", "100.0"] in lines


def test_validity_is_shown_only_when_something_is_wrong():
    assert "validity" not in format_profile(PROFILE)
    noisy = _unit("stem", 25.0, validity=Validity.DEGRADED, code="noisy")
    assert "degraded: noisy" in format_profile(replace(PROFILE, blocks=(noisy,)))


def test_instructions_are_never_called_microseconds():
    text = format_profile(replace(PROFILE, conditions=replace(CONDITIONS, unit=TimeUnit.INSTRUCTIONS)))
    assert "median instructions" in text
    assert " us" not in text


def test_an_empty_profile_is_a_header():
    assert "median us" in format_profile(Profile("pi4", CONDITIONS, ()))


def test_only_the_longest_blocks_when_asked():
    text = format_profile(PROFILE, top=1)
    assert _cells(text, "cell")[-2:] == ["75.0", "75.0"]
    assert not any(line.startswith("stem") for line in text.splitlines())
    assert "... and 1 more" in text
    assert "2 blocks, 100.0 us in all" in text
    assert format_profile(PROFILE, top=2) == format_profile(PROFILE)


def test_each_code_says_how_many_units_and_what_to_do():
    units = (
        _unit("a", 1.0, validity=Validity.DEGRADED, code="noisy"),
        _unit("b", 1.0, validity=Validity.DEGRADED, code="noisy"),
        _unit("c", 1.0, validity=Validity.INVALID),
        _unit("d", 1.0, validity=Validity.DEGRADED, code="moonlight"),
        _unit("e", 1.0),
    )
    lines = format_codes(units).splitlines()
    assert lines[0].startswith("degraded: noisy: 2 of 5 units: samples of the same unit spread widely. Stop other")
    assert lines[1].startswith("invalid: no code: 1 of 5 units: the device called it invalid")
    assert lines[2] == "degraded: moonlight: 1 of 5 units: this version does not know the code."
    assert format_codes(units[4:]) == ""
    text = format_profile(Profile("pi4", CONDITIONS, units))
    assert text.endswith(format_codes(units))
    assert "2 of 5" not in format_profile(Profile("pi4", CONDITIONS, units[4:]))


def test_conditions_after_the_run_and_throttling_are_said():
    hot = replace(CONDITIONS, temperature_c=48.0, temperature_after_c=71.2, load_average=0.25, throttling=("cooling",))
    text = format_conditions(replace(hot, load_average_after=0.25))
    assert "48 to 71 °C; load 0.25; throttling: cooling" in text
    assert "48 °C; load 0.25;" in format_conditions(replace(hot, temperature_after_c=0.0))
    assert "load 0.00" in format_conditions(CONDITIONS)
    assert "throttling" not in format_conditions(CONDITIONS)
