"""The one door to numba: kernels are compiled once, cached on disk, and free the interpreter lock.

Fast-math stays off, so that a kernel gives the same bits on every run and every worker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MISSING = "reading AIS needs the extra packages: pip install 'tumen[ais]'"


class MissingExtra(ImportError):
    """The `ais` extra is not installed."""


try:
    import numba
except ImportError as error:  # pragma: no cover - exercised by a subprocess test
    raise MissingExtra(MISSING) from error


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function over arrays."""
    return numba.njit(cache=True, nogil=True, fastmath=False)(function)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a small function that kernels call for every row."""
    return numba.njit(cache=True, nogil=True, fastmath=False, inline="never")(function)
