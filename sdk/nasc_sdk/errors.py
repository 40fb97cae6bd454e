"""Every error this project raises on purpose: one root, grouped by who is at fault.

``exit_code`` is what the command line ends with; the table in README.md is tested against it.
"""

from __future__ import annotations

import errno
from typing import Self


class NascError(Exception):
    """Root of all errors raised on purpose."""

    exit_code = 1


# --- The caller's input ---------------------------------------------------------------------------


class InputError(NascError):
    """A file, option or value given by the user cannot be used."""

    exit_code = 3


class ListenError(InputError):
    """An address cannot be listened on."""

    def __init__(self, address: str, error: OSError, hint: str = "") -> None:
        taken = error.errno == errno.EADDRINUSE
        reason = "already in use" if taken else error.strerror or str(error)
        if taken and not hint:
            hint = "another one may serve there; port 0 takes a free one"
        super().__init__(f"cannot listen on {address}: {reason}{hint and '; '}{hint}")


class IllegalNetworkError(InputError):
    """A network breaks a rule of :mod:`nasc_sdk.ir.legal`."""

    def __init__(self, block: str, op: str, reason: str) -> None:
        self.block, self.op, self.reason = block, op, reason
        super().__init__(f"block {block or '-'}, op {op or '-'}: {reason}")


class UnsafePickleError(InputError):
    """A pickle asks for more than plain values, or for too much; ``offset`` is the byte that does."""

    def __init__(self, offset: int, reason: str) -> None:
        self.offset, self.reason = offset, reason
        super().__init__(f"byte {offset}: {reason}")


class InfeasibleError(NascError):
    """No candidate meets the limit; ``nearest`` says which come closest and what would have to change."""

    exit_code = 5

    def __init__(self, message: str, nearest: tuple[str, ...] = ()) -> None:
        self.nearest = nearest
        super().__init__("\n  ".join((message, *nearest)))


# --- This machine ---------------------------------------------------------------------------------


class MissingExtraError(NascError):
    """An optional dependency is not installed."""

    exit_code = 6

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed; run: pip install 'nasc-sdk[{extra}]'")


class RuntimeUnavailableError(NascError):
    """No TFLite runtime works here."""

    exit_code = 6


class MissingToolError(NascError):
    """A program that is needed for a board is not installed; ``install`` is what to type."""

    exit_code = 6

    def __init__(self, tool: str, purpose: str, install: str, note: str = "") -> None:
        self.tool, self.install = tool, install
        super().__init__(f"{tool} is not installed, and it {purpose}: {install}{note and f' ({note})'}")


class BuildError(NascError):
    """The compiler refused the firmware."""

    exit_code = 6


class StorageError(NascError):
    """The disk refused a write (full, read-only, no permission); nothing half-written was kept."""

    exit_code = 7

    def __init__(self, path: str, reason: str, *, full: bool = False) -> None:
        self.path, self.reason = path, reason
        self.full = full
        """Whether there was no room; everything else needs a person."""
        super().__init__(f"cannot write {path}: {reason}")

    @classmethod
    def of(cls, path: object, error: OSError) -> Self:
        """From what the system said."""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        return cls(str(path), error.strerror or str(error), full=full)


class StoppedError(NascError):
    """Work was given up because its owner asked for that."""


# --- The other side -------------------------------------------------------------------------------


class RemoteError(NascError):
    """A peer broke the protocol, refused, or could not be reached."""

    exit_code = 4


class RemoteProtocolError(RemoteError):
    """A peer sent bytes that are not a message of this protocol."""

    def __init__(self, where: str, reason: str) -> None:
        self.where, self.reason = where, reason
        super().__init__(f"{where}: {reason}")


class UnreachableError(RemoteError):
    """A peer could not be reached, or did not answer in time."""

    def __init__(self, peer: str, reason: str) -> None:
        self.peer, self.reason = peer, reason
        super().__init__(f"{peer}: {reason}")


class FlashError(RemoteError):
    """A tool failed, or what it read back is not what it wrote; the board may hold half a firmware."""


class RefusedError(RemoteError):
    """A peer understood and said no; ``code`` is stable, for programs."""

    exit_code = 8

    def __init__(self, code: str, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(f"{reason} [{code}]")


class ArtifactError(RemoteError):
    """Downloaded bytes are not the artifact that was announced."""

    exit_code = 8

    def __init__(self, sha256: str, reason: str) -> None:
        self.sha256, self.reason = sha256, reason
        super().__init__(f"artifact {sha256[:12]}: {reason}")
