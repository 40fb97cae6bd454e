"""Disks that take no more."""

import contextlib
import resource


@contextlib.contextmanager
def file_size_limit(size):
    """Writing beyond it fails with EFBIG, as a full disk does with ENOSPC; Python ignores the signal."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
