"""The checkpoint of verbs that train a supernet, and what they leave beside it: accuracies of some sub-networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nasc_sdk.cli.paths import UserPath
from nasc_sdk.errors import InputError, StorageError
from nasc_search.cli.train_options import Decorator, saved_when_ended

if TYPE_CHECKING:
    from nasc_search.data.dataset import Dataset
    from nasc_search.supernet.model import Supernet
    from nasc_search.supernet.parallel import Group

_SAVE_EVERY = 20


def output_options(default: str) -> Decorator:
    """``--resume`` and ``--output`` as ``resume`` and ``output``."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        command = click.option(
            "--output", type=UserPath(), default=Path(default), show_default=True
        )(command)
        return click.option("--resume", is_flag=True, help="Go on from --output, with the same options.")(command)

    return decorate


@contextmanager
def training(output: Path, resume: bool) -> Iterator[Group]:
    """The processes that train, the first of which says how to go on when it is ended; refuses to write over a file."""
    from nasc_search.supernet.parallel import joined

    go_on = f"Go on with the same options and --resume --output {output}"
    with joined() as group, saved_when_ended(go_on if group.is_first else ""):
        group.from_first(lambda: _check(output, resume))
        yield group


def _check(output: Path, resume: bool) -> None:
    """Nothing is written over by mistake; accuracies of weights that are about to be replaced go."""
    from nasc_search.pretrained.load import ACCURACY, CODED

    if resume:
        return
    if output.exists():
        raise InputError(f"{output} is there already: go on with it (--resume), or choose another --output")
    for path in (output.with_name(ACCURACY), output.with_name(CODED)):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError.of(path, error) from error


def evaluate_some(supernet: Supernet, task: Dataset, count: int, seed: int, output: Path) -> dict[str, float]:
    """Accuracies beside the checkpoint, saved now and then; those that are there already are kept."""
    from nasc_search.pretrained.load import ACCURACY
    from nasc_search.supernet.sampling import draw, evaluate

    about = f"{task.name} supernet {'-'.join(supernet.space.name.split('-')[:3])}"
    file = AccuracyFile(output.with_name(ACCURACY), about)
    return evaluate(supernet, task, draw(supernet.space, count, seed), file.known, file.told)


def evaluate_some_encoded(
    supernet: Supernet, task: Dataset, archs: tuple[str, ...], count: int, seed: int, output: Path
) -> dict[str, float]:
    """The same of encoded cuts of these architectures."""
    from nasc_search.encodings.measure import evaluate_encoded
    from nasc_search.pretrained.load import CODED

    file = AccuracyFile(output.with_name(CODED))
    return evaluate_encoded(supernet, task, archs, count, seed, file.known, file.told)


class AccuracyFile:
    """Accuracies on disk that grow while others are evaluated; ``about`` says what they are of."""

    def __init__(self, path: Path, about: str = "") -> None:
        from nasc_search.pretrained.load import load_accuracies

        self._path, self._about = path, about
        self.known = load_accuracies(path) if path.exists() else {}

    def add(self, found: dict[str, float]) -> None:
        """Keep these beside what is known."""
        from nasc_search.pretrained.load import save_accuracies

        self.known |= found
        save_accuracies(self._path, self.known, self._about)

    def told(self, done: int, total: int, found: dict[str, float]) -> None:
        """``done`` of ``total`` are evaluated: kept now and then, and said on standard error."""
        if done % _SAVE_EVERY == 0 or done == total:
            self.add(found)
        click.echo(f"\revaluated {done}/{total}  best {max(found.values()):.2%}   ", nl=False, err=True)
