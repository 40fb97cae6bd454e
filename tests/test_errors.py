"""Errors: one root, documented exit codes, facts as attributes."""

import errno
import inspect
import os
import re
from pathlib import Path

import pytest

from nasc_sdk import errors
from nasc_sdk.cli.main import EPILOG
from nasc_sdk.refusal import code_of

LEAVES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, errors.NascError)
]
MEANINGS = {
    1: {"NascError", "StoppedError"},
    3: {"InputError", "IllegalNetworkError", "ListenError", "UnsafePickleError"},
    4: {"RemoteError", "RemoteProtocolError", "UnreachableError", "FlashError"},
    5: {"InfeasibleError"},
    6: {"MissingExtraError", "RuntimeUnavailableError", "MissingToolError", "BuildError"},
    7: {"StorageError"},
    8: {"RefusedError", "ArtifactError"},
}


def test_every_error_has_the_exit_code_of_its_meaning():
    assert {error.__name__: error.exit_code for error in LEAVES} == {
        name: code for code, names in MEANINGS.items() for name in names
    }


@pytest.mark.parametrize("document", ["epilog", "README.md"])
def test_exit_codes_are_documented(document):
    text = EPILOG if document == "epilog" else (Path(__file__).parents[1] / document).read_text()
    status = re.search(r"Exit status:(.*?)(\.\s|\n\n)", text, re.DOTALL)
    assert status is not None
    documented = {int(number) for number in re.findall(r"(?:^|[;,]) *\n?(\d+) ", status[1].replace("\n", " "))}
    assert {0, 2, *MEANINGS} <= documented


@pytest.mark.parametrize("error", LEAVES)
def test_names_and_docstrings(error):
    assert error.__name__.endswith("Error")
    assert error.__doc__


def test_a_missing_extra_says_what_to_type():
    error = errors.MissingExtraError("torch", "search")
    assert "pip install 'nasc-sdk[search]'" in str(error)
    assert (error.package, error.extra) == ("torch", "search")


def test_facts_are_attributes():
    assert errors.RefusedError("bad_model", "no").code == "bad_model"
    assert errors.InfeasibleError("none", ("a", "b")).nearest == ("a", "b")
    assert str(errors.InfeasibleError("none", ("a",))) == "none\n  a"
    assert errors.StorageError("/x", "full").path == "/x"
    assert "block -, op -" in str(errors.IllegalNetworkError("", "", "empty"))


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EFBIG, "disk_full"),
        (errno.EACCES, "storage_failed"),
        (errno.EROFS, "storage_failed"),
    ],
)
def test_a_full_disk_is_told_from_other_trouble(number, code):
    error = errors.StorageError.of("/x", OSError(number, os.strerror(number)))
    assert code_of(error) == code
    assert os.strerror(number) in str(error)
