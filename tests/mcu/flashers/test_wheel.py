import base64
import csv
import hashlib
import io
import zipfile

import pytest

from nasc_sdk import __version__
from nasc_sdk.errors import InputError
from nasc_sdk.mcu.flashers.wheel import own_wheel, read_wheel


def test_the_wheel_holds_this_package_and_its_record_is_right():
    wheel = own_wheel()
    assert wheel.name == f"nasc_sdk-{__version__}-py3-none-any.whl"
    archive = zipfile.ZipFile(io.BytesIO(wheel.content))
    info = f"nasc_sdk-{__version__}.dist-info"
    names = archive.namelist()
    assert {"nasc_sdk/agent/agent.py", "nasc_sdk/mcu/flashers/install_agent.sh", "nasc_sdk/py.typed"} <= set(names)
    # What a board cannot use is not carried there.
    assert not any(name.startswith(("nasc_search/", "nasc_edge/")) for name in names)
    assert not any("__pycache__" in name for name in names)
    record = csv.reader(archive.read(f"{info}/RECORD").decode().splitlines())
    rows = {name: (digest, size) for name, digest, size in record}
    assert set(rows) == set(names)
    for name in names:
        content = archive.read(name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        assert rows[name] in ((f"sha256={digest}", str(len(content))), ("", ""))
    assert f"Version: {__version__}\n" in archive.read(f"{info}/METADATA").decode()
    points = archive.read(f"{info}/entry_points.txt").decode()
    assert "nasc-sdk = nasc_sdk.cli.main:main" in points
    assert "nasc_search" not in points


def test_the_same_bytes_every_time():
    assert own_wheel() == own_wheel()


def test_a_wheel_of_ones_own(tmp_path):
    path = tmp_path / own_wheel().name
    path.write_bytes(own_wheel().content)
    assert read_wheel(path) == own_wheel()
    with pytest.raises(InputError, match="cannot read"):
        read_wheel(tmp_path / "absent.whl")
    (tmp_path / "x.whl").write_text("no")
    with pytest.raises(InputError, match="is no wheel"):
        read_wheel(tmp_path / "x.whl")
