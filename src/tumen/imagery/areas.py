"""Areas of interest and berths: polygons in degrees, or in pixels for a picture without georeference.

Takes a GeoJSON file, or the table PLACES; gives `Area` objects. A feature with `"pixels": true` (or any
feature, when the scene has no georeference) is in pixel coordinates, x right and y down.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.imagery.faults import SceneFault, need
from tumen.imagery.scene import Scene

BERTHS = ("berth", "pier")  # judged for a ship alongside
YARDS = ("yard", "terminal", "depot", "railyard")  # judged for stacks of containers; a pier's own deck is one too


@dataclass(frozen=True)
class Area:
    """A polygon that is looked at. `kind` berth or pier is judged for a ship alongside, a yard for stacks."""

    name: str
    kind: str
    part_of: str | None
    polygon: Any
    pixels: bool = False
    buffer_m: float = 0.0  # for points and lines: half width that makes them an area

    def in_pixels(self, scene: Scene) -> Any | None:
        """The polygon in the scene's pixel coordinates; None where it cannot be told or lies far away."""
        shapely = need("shapely")
        if self.pixels or scene.geo is None:
            return self.polygon if self.pixels else None
        west, south, east, north = self.polygon.bounds
        ring = scene.outline() or []
        lon, lat = np.array(ring).T
        if np.ptp(lon) < 180 and (
            east < lon.min() - 1 or west > lon.max() + 1 or north < lat.min() - 1 or south > lat.max() + 1
        ):
            return None
        geo = scene.geo
        made = shapely.transform(self.polygon, lambda p: np.column_stack(geo.pixel(p[:, 0], p[:, 1])))
        return shapely.make_valid(made)


def read_areas(path: str | Path) -> list[Area]:
    """Areas of a GeoJSON FeatureCollection: properties `place` or `name`, `kind`, `part_of`, `pixels`."""
    shapely = need("shapely")
    try:
        data = json.loads(Path(path).read_text("utf-8"))
        features = data["features"] if data.get("type") == "FeatureCollection" else [data]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise SceneFault(path, f"not readable as areas ({error})", "a GeoJSON FeatureCollection") from None
    out = []
    for number, item in enumerate(features, 1):
        properties = item.get("properties") or {}
        try:
            shape = shapely.geometry.shape(item["geometry"]) if item.get("geometry") else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SceneFault(path, f"feature {number} has no usable geometry ({error})", "a Polygon") from None
        if shape is None:
            continue
        name = str(properties.get("place") or properties.get("name") or f"area {number}")
        out.append(
            _area(
                name,
                str(properties.get("kind") or "area"),
                properties.get("part_of"),
                shape,
                bool(properties.get("pixels")),
            )
        )
    return out


def areas_of_places(places: pa.Table) -> list[Area]:
    """Areas of the table PLACES; a place without geometry is left out."""
    shapely = need("shapely")
    return [
        _area(row["place"], row["kind"], row["part_of"], shapely.from_wkt(row["wkt"]), False)
        for row in places.to_pylist()
        if row["wkt"]
    ]


# Half width given to a bare point or line, metres: a port's basins, a pier with ships on both sides.
REACH_M = {"port": 1500.0, "anchorage": 3000.0, "berth": 60.0, "pier": 80.0}


def _area(name: str, kind: str, part_of: str | None, shape: Any, pixels: bool) -> Area:
    shapely = need("shapely")
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        reach = REACH_M.get(kind, 500.0)
        if pixels:
            shape = shape.buffer(reach / 10)
        else:
            lat = shape.centroid.y
            stretch = 1 / max(np.cos(np.radians(lat)), 0.05)
            squeezed = shapely.transform(shape, lambda p: p / [stretch, 1])
            shape = shapely.transform(squeezed.buffer(reach / 111_195.0), lambda p: p * [stretch, 1])
    return Area(name, kind, part_of, shape, pixels)


def port_of(area: Area, areas: list[Area]) -> str:
    """Name of the port that an area lies in, by `part_of`, up to the top."""
    names = {a.name: a for a in areas}
    seen = {area.name}
    current = area
    while current.part_of and current.part_of not in seen:
        seen.add(current.part_of)
        if current.part_of not in names:
            return current.part_of
        current = names[current.part_of]
    return current.name
