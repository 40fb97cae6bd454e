"""The source a service is told to search by: a function is asked once, and what it said survives a restart."""

import contextlib
import sys

import numpy as np
import pytest

from nasc_sdk.errors import InputError
from nasc_search.service.accuracy_source import Asked, open_outside
from nasc_search.service.store import Store
from nasc_search.spaces.nb201_order import CELLS
from tests.joint.catalogues import SPACE

EVALUATED = SPACE.archs[::5]
CODE = """
ASKED = []
def accuracy_of(arch):
    ASKED.append(arch)
    if len(ASKED) > LIMIT: raise RuntimeError("out of time")
    return 0.3 + 0.1 * arch.count("conv_3x3")
LIMIT = 1000
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The present one, with a user's module; a changed module is loaded anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    write(tmp_path, CODE)
    yield tmp_path
    sys.modules.pop("users", None)


def write(folder, code):
    (folder / "users.py").write_text(code)
    sys.modules.pop("users", None)


def opened(folder, samples=20):
    with contextlib.closing(Store(folder / "db")) as store:
        asked = Asked(function="users:accuracy_of", samples=samples)
        return open_outside(asked, SPACE, EVALUATED, store, lambda text: None)


def asked():
    return sys.modules["users"].ASKED


def test_nothing_asked_for_is_the_supernet(folder):
    assert open_outside(Asked(), SPACE, EVALUATED, None, lambda text: None) is None


def test_a_table(folder):
    np.savez(folder / "t.npz", top1=np.linspace(10, 90, CELLS))
    source = open_outside(Asked(table="t.npz:top1"), SPACE, EVALUATED, None, lambda text: None)
    assert source.name == "table t.npz:top1"
    assert len(source.known) == CELLS


def test_a_function_is_asked_for_a_bounded_sample_of_what_was_evaluated(folder):
    source = opened(folder)
    assert len(asked()) == len(set(asked())) == 20
    assert set(asked()) <= set(EVALUATED)
    first = list(asked())
    write(folder, CODE + "\n# another one\n")
    opened(folder)
    assert asked() == first, "the sample is the same whenever it is drawn"
    assert np.isfinite(source.estimate(SPACE.archs)).all()


def test_after_a_restart_nothing_is_asked_again(folder):
    before = opened(folder)
    asked().clear()
    again = opened(folder)
    assert asked() == []
    assert again.known == before.known


def test_an_edited_function_is_asked_again(folder):
    opened(folder)
    write(folder, CODE.replace("0.3 +", "0.2 +"))
    assert min(opened(folder).known.values()) < 0.3
    assert len(asked()) == 20


def test_what_was_told_before_a_failure_is_kept(folder):
    write(folder, CODE.replace("LIMIT = 1000", "LIMIT = 12"))
    with pytest.raises(InputError, match=r"users:accuracy_of failed on .*out of time"):
        opened(folder)
    failed_on = asked()[-1]
    asked().clear()
    opened(folder)
    assert len(asked()) == 8
    assert asked()[0] == failed_on
