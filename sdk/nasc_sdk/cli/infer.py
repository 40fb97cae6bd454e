"""``nasc-sdk infer``: inputs through the deployed split, or through any model here."""

from __future__ import annotations

from pathlib import Path

import click

from nasc_sdk.cli.output import json_option, print_json

EPILOG = """\b
Examples:
  nasc-sdk infer --model ANY.tflite --input X.npy --output Y.npy
  nasc-sdk infer --model ANY.tflite --input X.npy --output Y.npy --real-output --json
\b
X.npy holds one sample or N of them along the first axis: real numbers (quantized for an int8 model) or the
model's own integers. Y.npy holds as many outputs, in order."""


@click.command(epilog=EPILOG)
@click.option("--model", "model_path", type=click.Path(path_type=Path), help="Run this .tflite model here.")
@click.option(
    "--input", "input_path", type=click.Path(path_type=Path), required=True, help="Samples, a .npy file."
)
@click.option(
    "--output", "output_path", type=click.Path(path_type=Path), required=True, help="Where outputs go, .npy."
)
@click.option(
    "--runtime",
    "runtime_name",
    default="auto",
    show_default=True,
    help="auto, ai-edge-litert or tflite-runtime.",
)
@click.option(
    "--kernels",
    type=click.Choice(["xnnpack", "builtin", "reference"]),
    default="xnnpack",
    show_default=True,
    help="Operator kernels.",
)
@click.option("--real-output", is_flag=True, help="Write real numbers instead of the model's integers.")
@json_option
def command(
    model_path: Path | None,
    input_path: Path,
    output_path: Path,
    runtime_name: str,
    kernels: str,
    real_output: bool,
    as_json: bool,
) -> None:
    """Run inputs through the deployed split, or through any int8 model here."""
    if model_path is None:
        raise click.UsageError("--model is required")
    from nasc_sdk.runtime.base import Kernels
    from nasc_sdk.runtime.standalone import infer_file

    result = infer_file(
        model_path,
        input_path,
        output_path,
        runtime_name=runtime_name,
        kernels=Kernels(kernels),
        real_output=real_output,
    )
    if as_json:
        print_json(result)
    else:
        click.echo(result)
