"""bfloat16 only where the processor has it."""

import pytest

from nasc_search.supernet.precision import Precision


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model name : X\nflags\t\t: fpu avx512f avx512_bf16\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("flags\t\t: fpu nobf16\n", False),
        ("", False),
    ],
)
def test_auto_reads_the_processors_flags(tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    assert Precision.AUTO.is_bfloat16(tmp_path / "cpuinfo") is expected
    assert Precision.BFLOAT16.is_bfloat16(tmp_path / "cpuinfo")
    assert not Precision.FLOAT32.is_bfloat16(tmp_path / "cpuinfo")


def test_a_system_that_does_not_tell_has_none(tmp_path):
    assert not Precision.AUTO.is_bfloat16(tmp_path / "none")
