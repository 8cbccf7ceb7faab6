"""What can be wrong with a scene, and the lazily imported libraries that reading one needs.

A fault of the user's data is a `SceneFault` whose text names the file, what is wrong and what was
expected; a batch notes it and goes on with the next scene.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

NEEDED = ("numba", "rasterio", "shapely", "pyproj", "roaring_landmask")


class SceneFault(ValueError):
    """A scene cannot be used: `path: what is wrong, expected ...`."""

    def __init__(self, path: object, wrong: str, expected: str) -> None:
        super().__init__(f"{path}: {wrong}, expected {expected}")
        self.path, self.wrong, self.expected = str(path), wrong, expected

    def __reduce__(self) -> tuple[Any, ...]:
        return SceneFault, (self.path, self.wrong, self.expected)


class MissingLibrary(ImportError):
    """The imagery extra is not installed."""


class Unreachable(OSError):
    """A catalogue or archive could not be reached."""


def need(name: str) -> ModuleType:
    """Import a library of the imagery extra, or say in one line how to get it.

    >>> need("math").sqrt(4.0)
    2.0
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingLibrary(f"{name} is not installed: pip install 'tumen[imagery]'") from error


def need_all() -> None:
    """Check that the whole extra is there before work starts."""
    for name in NEEDED:
        need(name)
