"""Accuracies from a user's function: ``MODULE:FUNCTION`` takes an architecture's string and returns 0..1.

It may train a network each time, so nothing is asked twice: what it said is kept by its name and the digest of its
file, so that an edited function is asked anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from nasc_sdk.errors import InputError
from nasc_search.accuracy.cell_features import Array
from nasc_search.accuracy.learned import Learned
from nasc_search.spaces.space import SearchSpace


@dataclass(frozen=True, slots=True)
class UserFunction:
    """One that can be called, so far as one can see before."""

    name: str
    call: Callable[[str], object]
    digest: str
    """Of its module's file; empty where it has none."""

    @classmethod
    def load(cls, name: str) -> UserFunction:
        """From ``MODULE:FUNCTION``; modules are looked for in the present folder as well. Raises InputError."""
        module, colon, attribute = name.partition(":")
        if not (module and colon and attribute):
            raise InputError(f"{name!r} is not module:function")
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            imported = importlib.import_module(module)
            found = getattr(imported, attribute)
        except (Exception, SystemExit) as error:
            raise InputError(f"{name!r} cannot be imported: {_told(error)}") from error
        if not callable(found):
            raise InputError(f"{name!r} is no function but {type(found).__name__}")
        if inspect.iscoroutinefunction(found):
            raise InputError(f"{name} is asynchronous; it has to return the number itself")
        _check_signature(name, found)
        file = getattr(imported, "__file__", None)
        return cls(name, found, hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16] if file else "")

    def __call__(self, arch: str) -> float:
        """Accuracy 0..1; InputError names the architecture when the function fails or says anything else."""
        try:
            value = self.call(arch)
        except (Exception, SystemExit) as error:
            raise InputError(f"{self.name} failed on {arch}: {_told(error)}") from error
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise InputError(f"the accuracy of {arch} is {value!r:.80}; a number from 0 to 1 is needed")
        if not 0 <= value <= 1:
            hint = "; per cent? divide by 100" if 1 < value <= 100 else ""
            raise InputError(f"the accuracy of {arch} is {value}; a number from 0 to 1 is needed{hint}")
        return float(value)


class FunctionSource:
    """An :class:`nasc_search.accuracy.source.OutsideSource`; one that is to estimate has to :meth:`learn` before."""

    def __init__(
        self, function: UserFunction, known: Mapping[str, float] | None = None,
        keep: Callable[[str, float], None] = lambda arch, accuracy: None,
    ) -> None:  # fmt: skip
        """``known`` is what it said before; ``keep`` is told of everything new."""
        self.name = f"function {function.name}"
        self.known: dict[str, float] = dict(known or {})
        self._function, self._keep = function, keep
        self._learned: Learned | None = None

    def evaluate(self, arch: str) -> float:
        """Asks the function where it has not said before; InputError when it fails."""
        if arch not in self.known:
            self.known[arch] = self._function(arch)
            self._keep(arch, self.known[arch])
        return self.known[arch]

    def learn(self, space: SearchSpace, archs: Sequence[str], seed: int, tell: Callable[[int, str], None]) -> None:
        """Ask for these and learn to predict the others; ``tell`` hears what was done and what comes next."""
        for done, arch in enumerate(archs):
            tell(done, arch)
            self.evaluate(arch)
        self._learned = Learned(space, {arch: self.known[arch] for arch in archs}, seed)

    def estimate(self, archs: Sequence[str]) -> Array:
        """What it said, else predicted."""
        assert self._learned is not None, "nothing was learned"
        predicted = self._learned.predict(archs)
        return np.asarray([self.known.get(arch, guess) for arch, guess in zip(archs, predicted, strict=True)])

    @property
    def report(self) -> str:
        """Of the predictor, cross-validated."""
        learned = "" if self._learned is None else f"; {self._learned.report}"
        return f"accuracies are those of {self.name}, asked for {len(self.known)} architectures{learned}"


@contextlib.contextmanager
def output_aside() -> Iterator[TextIO]:
    """Standard output, while everything else that is written there, by functions of users and by processes that they
    start, goes to standard error.
    """  # fmt: skip
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as kept:
        os.dup2(2, 1)
        try:
            yield kept
        finally:
            sys.stdout.flush()
            os.dup2(kept.fileno(), 1)


def _told(error: BaseException) -> str:
    """What went wrong and, where it is known, in which line of whose code."""
    # The first frame is ours, and those of the import system say nothing.
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)[1:] if "importlib" not in frame.filename
    ]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def _check_signature(name: str, function: Callable[..., object]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some functions written in C tell nothing
    try:
        signature.bind("an architecture")
    except TypeError as error:
        raise InputError(f"{name} takes {signature}; it is called with one argument, an architecture") from error
