"""What a path that somebody typed may not be is bad input (3) for every verb, never usage (2)."""

import click
import pytest
from click.testing import CliRunner

from nasc_sdk.cli.main import cli
from nasc_sdk.cli.paths import UserPath
from nasc_sdk.errors import InputError


def parameters():
    """(words, parameter) of every verb and every verb below it."""
    waiting = [((), cli)]
    while waiting:
        words, command = waiting.pop()
        if isinstance(command, click.Group):
            context = click.Context(command)
            names = command.list_commands(context)
            waiting += [((*words, name), command.get_command(context, name)) for name in names]
        else:
            yield from ((words, parameter) for parameter in command.params)


def test_every_path_of_every_verb_is_one_of_ours():
    paths = [(words, one) for words, one in parameters() if isinstance(one.type, click.Path)]
    assert len(paths) > 30
    assert [(words, one.name) for words, one in paths if not isinstance(one.type, UserPath)] == []


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("cost-model", "evaluate", "--device", "x", "--measurements"), "--measurements"),
        (("cost-model", "evaluate", "--device", "x", "--measurements", __file__, "--prior"), "--prior"),
        (("prior", "fit", "--output", "out.json", "--measurements"), "--measurements"),
        (("service", "--pretrained"), "--pretrained"),
        (("experiment", "nasc-vs-hwnas", "--coding"), "--coding"),
    ],
)
def test_what_is_not_there(words, option, tmp_path):
    told = CliRunner().invoke(cli, [*words, str(tmp_path / "nothing")])
    assert isinstance(told.exception, InputError), told.output
    assert option in str(told.exception)
    assert "does not exist" in str(told.exception)


@pytest.mark.parametrize("words", [("map", "lookup"), ("report", "--summary")])
def test_a_folder_in_place_of_a_file(words, tmp_path):
    more = ("--throughput-mbit-s", "1", "--round-trip-ms", "1") if words[0] == "map" else ()
    told = CliRunner().invoke(cli, [*words, str(tmp_path), *more])
    assert isinstance(told.exception, InputError), told.output
