"""A case's scenes: from file globs to looks, detections, berth states and chips.

Takes globs, the table PLACES, the case's imagery settings and earlier berth states; gives the tables that
`detect` gives. `run.py` feeds the looks to the count; every file that a glob matches is searched.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pyarrow as pa

from tumen.imagery.areas import areas_of_places
from tumen.imagery.detection import detect
from tumen.imagery.land import Land
from tumen.imagery.settings import DetectSettings
from tumen.imagery.structures import Mask
from tumen.tables import TABLES

RASTERS = (".tif", ".tiff", ".jp2", ".png", ".zip", ".safe")


def case_looks(
    scene_globs: Iterable[str | Path],
    places: pa.Table,
    settings: dict[str, Any] | DetectSettings | None = None,
    history: pa.Table | None = None,
    executor: Executor | None = None,
    simulated: bool = True,
    static: Path | None = None,
) -> dict[str, pa.Table]:
    """Search every scene that the globs match and judge the places of the case.

    `settings` are the case's `[imagery]` values: the fields of `DetectSettings`, and `land`, a list of GeoJSON
    files. `history` is a BERTH_STATES table of scenes searched before; `static` a file of fixed structures
    (`tumen detect --static` writes it), read where it exists, never written. Returns SCENES, DETECTIONS,
    BERTH_STATES, CHIPS and LOOKS. Without `simulated`, scenes marked as simulated are a fault and give nothing
    else: they never enter a real case. Raises `ValueError` on an unknown setting.
    """
    made, land = case_settings(settings)
    known = Mask.read(static) if static is not None and static.exists() else None
    found = detect(
        scene_files(scene_globs),
        areas=areas_of_places(places),
        land=land,
        settings=made,
        executor=executor,
        history=history,
        static=known,
    )
    return found if simulated else _without_simulated(found)


def _without_simulated(found: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables without what simulated scenes gave; such a scene keeps its row, with a fault."""
    rows = found["scenes"].to_pylist()
    invented = {r["scene_id"] for r in rows if r["simulated"]}
    if not invented:
        return found
    for row in rows:
        if row["simulated"]:
            row["fault"] = f"{row['path']}: a simulated scene in a real case, expected a case with simulated = true"
    out = {"scenes": TABLES["scenes"].build(rows)}
    for name, table in found.items():
        if name == "looks":
            keep = [r["origin"] != "simulated" for r in table.to_pylist()]
        elif name != "scenes":
            keep = [r not in invented for r in table.column("scene_id").to_pylist()]
        else:
            continue
        out[name] = table.filter(pa.array(keep, pa.bool_()))
    return out


def case_settings(settings: dict[str, Any] | DetectSettings | None) -> tuple[DetectSettings, Land]:
    """Settings of the search and the land of a case's `[imagery]` table; STAC options are left to `scenes`."""
    if settings is None or isinstance(settings, DetectSettings):
        return settings or DetectSettings(), Land()
    given = {k: v for k, v in settings.items() if k not in ("stac", "collections", "max_cloud", "limit")}
    files = given.pop("land", [])
    osm = bool(given.pop("osm", True))
    unknown = set(given) - set(DetectSettings.__dataclass_fields__)
    if unknown:
        raise ValueError(
            f"imagery: unknown setting '{sorted(unknown)[0]}', expected one of {', '.join(DetectSettings.__dataclass_fields__)}"
        )
    return DetectSettings(**given), Land(osm=osm, files=tuple(str(f) for f in files))


def scene_files(globs: Iterable[str | Path]) -> list[str]:
    """Scenes that globs match, sorted: SAFE folders whole, raster files one by one, nothing inside a SAFE."""
    found: set[str] = set()
    for pattern in globs:
        for name in glob.glob(str(pattern), recursive=True):
            path = Path(name)
            if any(p.suffix.upper() == ".SAFE" for p in path.parents):
                continue
            if path.suffix.lower() in RASTERS and not path.name.startswith("."):
                found.add(str(path))
    return sorted(found)
