"""Every verb that --help lists loads, explains itself, and is documented."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nasc_sdk.cli.main import cli

VERBS = cli.list_commands(click.Context(cli))


def test_verbs_are_the_promised_ones():
    promised = {"up", "agent", "profile", "search", "deploy", "infer", "status", "watch", "train", "report", "demo"}
    assert promised <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_has_an_example(verb):
    result = CliRunner().invoke(cli, [verb, "--help"])
    assert result.exit_code == 0, result.output
    assert f"nasc-sdk {verb}" in result.output.split("Example", 1)[1]


def test_entry_points_and_the_table_agree():
    from importlib.metadata import entry_points

    names = {point.name for point in entry_points(group="nasc_sdk.verbs")}
    own = {path.stem for path in (Path(__file__).parents[2] / "sdk/nasc_sdk/cli").glob("*.py")}
    assert names <= set(VERBS)
    assert set(VERBS) - names <= own
