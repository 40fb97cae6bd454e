"""What the protocol costs on a Cortex-M4; the whole firmware has 40 KB of flash and 6 KB of RAM."""

import shutil
import subprocess

import pytest

from tests.firmware.smp.building import PROTOCOL, SOURCES, WARNINGS

TARGET = ("-mcpu=cortex-m4", "-mthumb", "-Os", "-ffunction-sections")


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc here")
def test_the_protocol_is_small(tmp_path):
    (tmp_path / "server.c").write_text('#include "smp/server.h"\nnasc_server_t server;\n')
    objects = []
    for source in (*PROTOCOL, tmp_path / "server.c"):
        objects.append(tmp_path / f"{source.parent.name}_{source.stem}.o")
        command = ("arm-none-eabi-gcc", *WARNINGS, *TARGET, f"-I{SOURCES}", "-c", str(source), "-o", str(objects[-1]))
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        ["arm-none-eabi-size", "-t", *map(str, objects)], capture_output=True, text=True, check=True, timeout=20
    )
    text, data, bss = map(int, listed.stdout.splitlines()[-1].split()[:3])
    assert text + data < 8 * 1024
    assert data + bss < 3.75 * 1024
