"""The verb ``service``: options that exclude each other are refused before anything is loaded."""

import pytest
from click.testing import CliRunner

from nasc_search.cli.service import command


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--accuracy-table", "t.npz:k", "--accuracy-callable", "m:f"), "not from both"),
        (("--accuracy-samples", "20"), "only with --accuracy-callable"),
        (("--accuracy-samples", "20", "--accuracy-table", "t.npz:k"), "only with --accuracy-callable"),
        (("--accuracy-callable", "m:f", "--accuracy-samples", "9"), "10<=x<=10000"),
    ],
)
def test_accuracies_have_one_source(options, said):
    shown = CliRunner().invoke(command, options)
    assert shown.exit_code == 2
    assert said in shown.stderr
