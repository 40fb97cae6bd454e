"""``nasc-sdk export``: a candidate as files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from nasc_sdk.cli.output import json_option, print_json
from nasc_sdk.cli.paths import UserPath


@click.command(
    epilog="""\b
Examples:
  nasc-sdk export --cut 5 --output split
  nasc-sdk export --arch '|nor_conv_3x3~0|+|...|' --cut 5 --bits 2 --bottleneck 4 --output split
  nasc-sdk export --cut 10 --output whole                  all blocks on the board
  nasc-sdk infer --board mps2-an386 --model split/head.tflite --input split/input.npy --output y.npy
"""
)
@click.option("--arch", help="The sub-network  [default: the most accurate evaluated one].")
@click.option(
    "--cut", type=click.IntRange(1), required=True, help="Blocks in the head; the last, 10 as shipped, has no tail."
)
@click.option("--bits", type=click.Choice(["8", "4", "2"]), default="8", show_default=True, help="Of each value sent.")
@click.option("--bottleneck", type=click.IntRange(0), help="Channels that the cut is narrowed to  [default: all].")
@click.option(
    "--form", type=click.Choice(["builtin", "xnnpack"]), default="builtin", show_default=True,
    help="Of the int8 head: for microcontrollers and reference kernels, or the faster one with XNNPACK.",
)
@click.option(
    "--pretrained", type=UserPath(exists=True, file_okay=False),
    help="Folder made by nasc-sdk train  [default: the shipped Fashion-MNIST supernet].",
)
@click.option("--dataset", default="fashion-mnist", show_default=True, help="What the supernet was trained on.")
@click.option("--data", type=UserPath(), help="Folder that holds the data set's files  [default: the shipped images].")
@click.option("--output", type=UserPath(file_okay=False), required=True, help="Folder; its files are replaced.")
@json_option
def command(
    arch: str | None, form: str, pretrained: Path | None, dataset: str, data: Path | None, output: Path, as_json: bool,
    **encoding: Any,
) -> None:  # fmt: skip
    """Write a candidate's int8 head and float tail as .tflite files, without board, broker and service.

    Beside them one input, the head's output for it (bit-exact with TFLite's reference kernels), and in contract.json
    what both sides have to agree on: shapes, quantization, normalisation, digests.
    """
    from nasc_search.torch_extra import require_torch

    require_torch()
    from nasc_search.data.registry import load_dataset
    from nasc_search.export.forms import Form
    from nasc_search.pretrained.load import open_pretrained
    from nasc_search.service.by_hand import named_candidate
    from nasc_search.service.export import export_candidate, most_accurate
    from nasc_search.service.workshop import open_workshop

    with tempfile.TemporaryDirectory() as cache:
        trained = open_pretrained(pretrained, Path(cache))
        workshop = open_workshop(trained, load_dataset(dataset, data), Path(cache))
        chosen = {name: value for name, value in encoding.items() if value is not None}
        candidate = named_candidate(chosen | {"arch": arch or most_accurate(trained)})
        done = export_candidate(workshop, candidate, Form(form), output)
    if as_json:
        print_json(done)
        return
    click.echo(f"{candidate}, accuracy {done.accuracy:.2%} on the validation images")
    click.echo(f"head {done.head_bytes} bytes, activations {done.arena_bytes} bytes, sent {done.payload_bytes} bytes")
    click.echo(f"wrote {', '.join(done.files)} in {output}")
