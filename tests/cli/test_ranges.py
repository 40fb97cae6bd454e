"""Numbers out of range are usage errors, told before anybody is asked: there is no broker here."""

import pytest
from click.testing import CliRunner

from nasc_sdk.cli.main import cli

FAR = ("--broker", "mqtt://127.0.0.1:1")


@pytest.mark.parametrize("verb", ["search", "deploy", "map"])
@pytest.mark.parametrize(
    "words",
    [
        ("--limit-ms", "0"),
        ("--limit-ms", "-4"),
        ("--limit-ms", "nan"),
        ("--limit-ms", "inf"),
        ("--limit-ms", "soon"),
        ("--percentile", "30"),
        ("--percentile", "100"),
        ("--arena-bytes", "-1"),
        ("--flash-bytes", "-1"),
        ("--max-server-ms", "-0.1"),
        ("--max-server-ms", "nan"),
    ],
)
def test_limits(verb, words):
    told = CliRunner().invoke(cli, [verb, *FAR, *words])
    assert told.exit_code == 2
    assert words[0] in told.output


@pytest.mark.parametrize("verb", ["search", "deploy"])
@pytest.mark.parametrize(
    "words",
    [
        ("--min-accuracy", "0"),
        ("--min-accuracy", "1.2"),
        ("--min-accuracy", "nan"),
        ("--max-energy-mj", "0"),
        ("--max-energy-mj", "inf"),
        ("--objective", "beauty"),
        ("--throughput-mbit-s", "0"),
        ("--round-trip-ms", "-1"),
    ],
)
def test_goals(verb, words):
    told = CliRunner().invoke(cli, [verb, *FAR, *words])
    assert told.exit_code == 2
    assert words[0] in told.output


@pytest.mark.parametrize(
    "words",
    [
        ("map", "--within-points", "100"),
        ("map", "lookup", "map.json", "--throughput-mbit-s", "0", "--round-trip-ms", "1"),
        ("deploy", "--arch", "x", "--cut", "-1"),
        ("status", "--wait-s", "nan"),
        ("watch", "--seconds", "inf"),
        ("calibrate", "--precision", "nan"),
        ("demo", "--limit-ms", "0"),
        ("train", "--learning-rate", "nan"),
    ],
)
def test_other_verbs(words):
    told = CliRunner().invoke(cli, list(words))
    assert told.exit_code == 2, told.output
