"""A runtime that runs every model several times over: this machine as a slower one."""

from __future__ import annotations

from dataclasses import dataclass

from nasc_sdk.runtime.base import Array, Kernels, Runtime, Session, TensorInfo


@dataclass(frozen=True, slots=True)
class SlowedRuntime:
    """Implements :class:`nasc_sdk.runtime.base.Runtime`: the same results, ``times`` the time."""

    runtime: Runtime
    times: int

    @property
    def name(self) -> str:
        """As the runtime inside."""
        return self.runtime.name

    @property
    def version(self) -> str:
        """As the runtime inside."""
        return self.runtime.version

    def load(self, model: bytes, *, kernels: Kernels, threads: int = 1, name: str = "model") -> Session:
        """As the runtime inside."""
        return _SlowedSession(self.runtime.load(model, kernels=kernels, threads=threads, name=name), self.times)


@dataclass(frozen=True, slots=True)
class _SlowedSession:
    session: Session
    times: int

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        return self.session.inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return self.session.outputs

    def feed(self, array: Array, index: int = 0) -> None:
        self.session.feed(array, index)

    def invoke(self) -> None:
        for _ in range(self.times):
            self.session.invoke()

    def fetch(self, index: int = 0) -> Array:
        return self.session.fetch(index)

    def run(self, array: Array) -> Array:
        self.feed(array)
        self.invoke()
        return self.fetch()
