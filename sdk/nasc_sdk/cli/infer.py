"""``nasc-sdk infer``: inputs through the deployed split, or through any model here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.output import (
    NO_LINE,
    baud_option,
    board_option,
    broker_option,
    device_option,
    format_table,
    json_option,
    kernels_option,
    port_option,
    print_json,
    refuse_given,
    runtime_option,
    site_option,
)
from nasc_sdk.cli.paths import UserPath
from nasc_sdk.cli.progress import progress_bar
from nasc_sdk.errors import RefusedError

if TYPE_CHECKING:
    from nasc_sdk.agent.client import InferReport

EPILOG = """\b
Examples:
  nasc-sdk infer --device pi4 --input images.npy --labels labels.npy
  nasc-sdk infer --agent 127.0.0.1:7800 --input images.npy --output logits.npy --json
  nasc-sdk infer --model ANY.tflite --input X.npy --output Y.npy
  nasc-sdk infer --model ANY.tflite --input X.npy --output Y.npy --real-output --json
  nasc-sdk infer --board mps2-an386 --model ANY.tflite --input X.npy --output Y.npy    on an emulated microcontroller
  nasc-sdk infer --port /dev/ttyACM0 --model ANY.tflite --input X.npy --output Y.npy   on a real one
\b
Without --model: images.npy holds uint8 images, N x height x width (x channels); the board's agent answers them
through its head and the edge server, or alone. Latencies are measured on the board.
With --model: X.npy holds one sample or N of them along the first axis: real numbers (quantized for an int8
model) or the model's own integers. Y.npy holds as many outputs, in order."""


@click.command(epilog=EPILOG)
@broker_option
@site_option
@device_option
@click.option(
    "--agent", "agent_address", default="", metavar="HOST:PORT",
    help="Local port of the agent  [default: by the broker].",
)  # fmt: skip
@click.option(
    "--model", "model_path", type=UserPath(), help="Run this .tflite model, here or on --board."
)
@board_option
@port_option
@baud_option
@click.option(
    "--input", "input_path", type=UserPath(), required=True, help="Samples, a .npy file."
)
@click.option(
    "--labels", "labels_path", type=UserPath(), help="Without --model: right answers, .npy."
)
@click.option(
    "--output", "output_path", type=UserPath(),
    help="Where outputs (without --model: logits) go, .npy.",
)  # fmt: skip
@runtime_option("With --model: the runtime.")
@kernels_option
@click.option("--real-output", is_flag=True, help="With --model: real numbers, not the model's integers.")
@json_option
def command(
    broker_url: str, site: str, device: str, agent_address: str, model_path: Path | None, board_name: str | None,
    port: str | None, baud: int | None, input_path: Path, labels_path: Path | None, output_path: Path | None,
    runtime_name: str, kernels: str, real_output: bool, as_json: bool,
) -> None:  # fmt: skip
    """Run inputs through the deployed split, or through any int8 model here or on a microcontroller."""
    if board_name is None and port is None:
        refuse_given(("baud",), NO_LINE)
    elif model_path is None:
        raise click.UsageError("a microcontroller needs --model: what it is to run")
    if model_path is None:
        refuse_given(("runtime_name", "kernels", "real_output"), "only with --model")
        from nasc_sdk.agent.ask import find_agent, infer_files

        address = agent_address or find_agent(broker_url, site, device)
        with progress_bar("asking the board", quiet=as_json) as progress:
            report = infer_files(address, input_path, labels_path, output_path, progress)
        if as_json:
            print_json(report)
        else:
            click.echo(format_report(report))
        if not report.answered:
            what = "; bring a network to the board: nasc-sdk deploy" if "no_head" in report.failures else ""
            raise RefusedError("no_answer", f"none of {report.requests} images was answered{what}")
        return
    if output_path is None or labels_path is not None or agent_address:
        raise click.UsageError("--model needs --output, and takes neither --agent nor --labels")
    if board_name is not None or port is not None:
        refuse_given(("runtime_name", "kernels"), "not on a microcontroller, whose firmware has its own")
        _infer_on_board(board_name, port or "", baud, model_path, input_path, output_path, real_output, as_json)
        return
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


def _infer_on_board(
    board_name: str | None, port: str, baud: int | None, model: Path, samples: Path, output: Path, real_output: bool,
    as_json: bool,
) -> None:
    from nasc_sdk.mcu.boards import find_board
    from nasc_sdk.mcu.infer import infer_on_board
    from nasc_sdk.mcu.session import open_session

    board = find_board(board_name) if board_name else None
    with open_session(board, port, baud=baud) as session, progress_bar("running", quiet=as_json) as progress:
        found = infer_on_board(session, model, samples, output, real_output, lambda done, n: progress(done, n, ""))
    if as_json:
        print_json(found)
    else:
        click.echo(found)


def format_report(report: InferReport) -> str:
    """Latency by part, who answered, accuracy."""
    parts = (
        ("head", report.head_ms),
        ("uplink", report.uplink_ms),
        ("tail", report.tail_ms),
        ("total", report.total_ms),
    )
    rows = [
        (name, *(f"{value:.3f} ms" if report.answered else "-" for value in quantiles)) for name, quantiles in parts
    ]
    lines = [format_table(("measured", "p50", "p95"), rows), ""]
    served = ", ".join(f"{count} {who}" for who, count in report.served_by.items()) or "none"
    lines.append(f"{report.answered} of {report.requests} answered: {served}")
    lines.append("contracts: " + (", ".join(f"{key} ({n})" for key, n in report.contracts.items()) or "none"))
    if report.failures:
        lines.append("failures: " + ", ".join(f"{count} {code}" for code, count in report.failures.items()))
    if report.accuracy is not None:
        lines.append(f"accuracy: {report.accuracy:.2%} of the answered images")
    return "\n".join(lines)
