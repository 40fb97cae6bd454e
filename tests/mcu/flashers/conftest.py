import os

import pytest


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder that comes first on PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def no_tools(monkeypatch):
    """Nothing is installed."""
    monkeypatch.setenv("PATH", "")
