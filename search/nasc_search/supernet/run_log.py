"""The log of a training beside its checkpoint: JSON lines, TensorBoard events, and a picture of the curves.

Rows have fixed steps, whatever the clock says, so that the curves of two runs can be compared row by row. The JSON
lines are the log; event file and picture are made from them. A resumed run drops what was logged after the
checkpoint that it goes on from.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from nasc_sdk.durable import make_directory, write_durably
from nasc_sdk.errors import StorageError
from nasc_search.supernet import event_file
from nasc_search.supernet.pace import Spread

MAX_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """What happened since the row before."""

    step: int
    loss: float
    """Mean over the steps."""
    learning_rate: float
    """Of the last of the steps."""
    images_per_s: float
    time_s: float
    """Since 1970."""
    entropy_bits: float | None = None
    """Of the distribution that is trained with the weights, where there is one (:class:`.pace.Spread`)."""
    mode_probability: float | None = None


def log_path(checkpoint: Path) -> Path:
    """Where the rows are."""
    return checkpoint.with_suffix(".training.jsonl")


def events_path(checkpoint: Path) -> Path:
    """Where TensorBoard finds them: it goes by the name."""
    return checkpoint.with_name(f"events.out.tfevents.{checkpoint.stem}")


def picture_path(checkpoint: Path) -> Path:
    """Where the curves are drawn."""
    return checkpoint.with_suffix(".training.png")


def read_rows(path: Path) -> list[Row]:
    """Rows of a log, in order; a line that a crash cut short is left out, and so is a log that is not there."""
    rows = []
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            rows.append(Row(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return rows


class RunLog:
    """Collects steps into at most about 1,000 rows; StorageError when the disk refuses."""

    def __init__(self, checkpoint: Path, steps: int, batch: int, done: int = 0) -> None:
        """Rows of the first ``done`` steps stay, later ones go."""
        self._checkpoint, self._batch = checkpoint, batch
        self._every = max(1, -(-steps // MAX_ROWS))
        self.rows = [row for row in read_rows(log_path(checkpoint)) if row.step <= done] if done else []
        self._losses: list[float] = []
        self._spread: Spread | None = None
        self._last = time.time()
        begun = self.rows[0].time_s if self.rows else self._last
        make_directory(checkpoint.parent)
        picture_path(checkpoint).unlink(missing_ok=True)
        write_durably(log_path(checkpoint), b"".join(map(_line, self.rows)))
        write_durably(
            events_path(checkpoint), event_file.header(begun) + b"".join(map(_event, self.rows))
        )

    def take(self, done: int, loss: float, learning_rate: float, spread: Spread | None = None) -> None:
        """``done`` steps are finished, the last one with this loss."""
        self._losses.append(loss)
        self._spread = spread
        if done % self._every == 0:
            self._write(done, learning_rate)

    def close(self, done: int, learning_rate: float) -> None:
        """Write what is left of the last row, and draw the curves where matplotlib is installed."""
        if self._losses:
            self._write(done, learning_rate)
        if self.rows:
            draw(self.rows, picture_path(self._checkpoint))

    def _write(self, done: int, learning_rate: float) -> None:
        now = time.time()
        count = len(self._losses)
        rate = count * self._batch / max(now - self._last, 1e-9)
        spread = asdict(self._spread) if self._spread else {}
        row = Row(done, sum(self._losses) / count, learning_rate, rate, now, **spread)
        self.rows.append(row)
        self._losses, self._last = [], now
        for path, data in (
            (log_path(self._checkpoint), _line(row)),
            (events_path(self._checkpoint), _event(row)),
        ):
            try:
                with path.open("ab") as file:
                    file.write(data)
            except OSError as error:
                raise StorageError.of(path, error) from error


def draw(rows: list[Row], path: Path) -> bool:
    """Loss and learning rate over steps as a PNG; False without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        return False
    import io

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, rate = (axes := figure.subplots()), axes.twinx()
    steps = [row.step for row in rows]
    loss.plot(steps, [row.loss for row in rows], color="tab:blue")
    rate.plot(steps, [row.learning_rate for row in rows], color="tab:gray", linewidth=0.8)
    loss.set(xlabel="step", ylabel="training loss (mean since the last row)")
    rate.set_ylabel("learning rate (grey)")
    loss.grid(alpha=0.3)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    write_durably(path, data.getvalue())
    return True


def _line(row: Row) -> bytes:
    return json.dumps({name: value for name, value in asdict(row).items() if value is not None}).encode() + b"\n"


def _event(row: Row) -> bytes:
    names = ("loss", "learning_rate", "images_per_s", "entropy_bits", "mode_probability")
    values = {name: value for name in names if (value := getattr(row, name)) is not None}
    return event_file.scalars(row.time_s, row.step, values)
