"""Imagery: scenes in, looks and detections out.

`detect` searches scenes and judges berths; `case_looks` does so for a case's scenes and places;
`read_areas`, `Land` and `DetectSettings` are what they take. Heavy libraries (the `imagery` extra) are
imported when a step runs, not with this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tumen.imagery.faults import MissingLibrary, SceneFault, Unreachable
from tumen.imagery.settings import DetectSettings

if TYPE_CHECKING:
    from tumen.imagery.areas import Area, areas_of_places, read_areas
    from tumen.imagery.case_scenes import case_looks
    from tumen.imagery.detection import detect
    from tumen.imagery.land import Land

_WHERE = {
    "detect": "detection",
    "case_looks": "case_scenes",
    "Area": "areas",
    "read_areas": "areas",
    "areas_of_places": "areas",
    "Land": "land",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(f"tumen.imagery.{_WHERE[name]}"), name)
    raise AttributeError(name)


__all__ = [
    "Area",
    "DetectSettings",
    "Land",
    "MissingLibrary",
    "SceneFault",
    "Unreachable",
    "areas_of_places",
    "case_looks",
    "detect",
    "read_areas",
]
