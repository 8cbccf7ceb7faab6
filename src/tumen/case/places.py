"""places.geojson: ports, piers, berths, anchorages, yards and depots.

Takes the file (a FeatureCollection, WGS 84, longitude first); gives `Place` records and the
table PLACES. A position carries its quality in words; a geometry may be null where no source
gives one, because an invented polygon would be read as knowledge.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pyarrow as pa
from pydantic import BeforeValidator, Field

from tumen.case.faults import Faults
from tumen.case.read import read_features
from tumen.case.record import CountCell, ListCell, Record, TextCell, Words
from tumen.tables import PLACES

if TYPE_CHECKING:
    from tumen.case.folder import Case

FILE = "places.geojson"
EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG


def _geometry(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("type") not in _WKT:
        raise ValueError(f"not a geometry; expected null or one of {', '.join(_WKT)}")
    _WKT[value["type"]](value.get("coordinates"))
    return {"type": value["type"], "coordinates": value["coordinates"]}


def _pair(value: Any) -> str:
    if not isinstance(value, list) or len(value) < 2 or not all(_number(v) for v in value[:2]):
        raise ValueError(f"'{str(value)[:40]}' is no position; expected [longitude, latitude]")
    lon, lat = value[:2]
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError(f"[{lon}, {lat}] is not on Earth; expected longitude -180..180, then latitude -90..90")
    return f"{lon:.10g} {lat:.10g}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _items(value: Any, least: int) -> list[Any]:
    if not isinstance(value, list) or len(value) < least:
        raise ValueError(f"too few positions; expected at least {least}")
    return value


def _path(value: Any, least: int = 2) -> str:
    return "(" + ", ".join(_pair(v) for v in _items(value, least)) + ")"


def _ring(value: Any) -> str:
    if _items(value, 4)[0] != value[-1]:
        raise ValueError("a ring is not closed; expected its last position to be its first")
    return _path(value, 4)


def _rings(value: Any) -> str:
    return "(" + ", ".join(_ring(v) for v in _items(value, 1)) + ")"


_WKT = {
    "Point": lambda c: f"POINT ({_pair(c)})",
    "LineString": lambda c: f"LINESTRING {_path(c)}",
    "Polygon": lambda c: f"POLYGON {_rings(c)}",
    "MultiPolygon": lambda c: "MULTIPOLYGON (" + ", ".join(_rings(p) for p in _items(c, 1)) + ")",
}


class Place(Record):
    """One feature: its properties and its geometry."""

    place: Words = Field(description="name used in every other file")
    place_ko: TextCell = Field(default=None, description="the same in Korean, for the Korean brief")
    kind: Literal["port", "pier", "berth", "anchorage", "terminal", "yard", "shipyard", "railyard", "depot", "area"] = (
        Field(description="what it is; stacks of containers are sought on a yard, terminal, railyard and depot")
    )
    part_of: TextCell = Field(default=None, description="place that this one lies in; empty if it stands alone")
    role: Literal["origin", "destination", "other"] = Field(
        description="its part in the route of the case: cargo is loaded (origin) or landed (destination) there"
    )
    aliases: ListCell = Field(default=[], description="other names, as sources have them")
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = Field(default=None, description="ISO 3166 alpha-2")
    utc_offset_hours: float = Field(
        ge=-12, le=14, description="local time minus UTC, hours: dates in looks.csv are local days"
    )
    berths: CountCell = Field(default=None, description="ships of the route that fit alongside at one time")
    berths_why: TextCell = Field(default=None, description="how that number is known")
    berths_why_ko: TextCell = Field(default=None, description="the reason in Korean")
    depth_m: Annotated[float, Field(gt=0)] | None = Field(default=None, description="depth alongside, m")
    position_quality: TextCell = Field(default=None, description="how exact the position is, in words")
    source: Annotated[ListCell, Field(min_length=1)] = Field(description="source ids, the main one first")
    note: TextCell = Field(default=None, description="remark")
    note_ko: TextCell = Field(default=None, description="the remark in Korean")
    geometry: Annotated[dict[str, Any] | None, BeforeValidator(_geometry)] = Field(
        default=None, description="GeoJSON geometry (Point, LineString, Polygon, MultiPolygon) or null"
    )

    @property
    def wkt(self) -> str | None:
        """Geometry as well-known text."""
        return _WKT[self.geometry["type"]](self.geometry["coordinates"]) if self.geometry else None

    @property
    def position(self) -> tuple[float, float] | None:
        """A representative point as (longitude, latitude) in degrees: the mean of the outline's corners."""
        if self.geometry is None:
            return None
        pairs = list(_flat(self.geometry["coordinates"]))
        corners = pairs[:-1] if len(pairs) > 1 and pairs[0] == pairs[-1] else pairs
        return sum(p[0] for p in corners) / len(corners), sum(p[1] for p in corners) / len(corners)


def _flat(value: list[Any]) -> Iterable[tuple[float, float]]:
    if _number(value[0]):
        yield value[0], value[1]
    else:
        for item in value:
            yield from _flat(item)


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance in km of two (longitude, latitude) points in degrees, by the haversine formula.

    >>> round(distance_km((130.2833, 42.25), (133.0667, 42.7333)))
    234
    """
    (lon_a, lat_a), (lon_b, lat_b) = ([math.radians(v) for v in p] for p in (a, b))
    chord = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def read(path: Path, faults: Faults) -> list[Place]:
    """Read places.geojson."""
    return read_features(path, Place, faults)


def check(case: Case, faults: Faults, warnings: list[str]) -> None:
    """Parts that lie in known places; a route needs an origin."""
    names = {p.place: p for p in case.places}
    for p in case.places:
        if p.part_of and p.part_of not in names:
            faults.add(p.at, "part_of", f"'{p.part_of}' is not a place", "another name of places.geojson")
        if p.part_of == p.place:
            faults.add(p.at, "part_of", "a place cannot lie in itself", "the name of another feature")
    if case.places and not any(p.role == "origin" and p.kind == "port" for p in case.places):
        faults.add(
            case.places[0].at, "role", "no port has the role origin", "at least one origin port in places.geojson"
        )


def table(places: Iterable[Place]) -> pa.Table:
    """The table PLACES."""
    rows = []
    for p in places:
        lon, lat = p.position or (None, None)
        rows.append(
            {
                "place": p.place,
                "kind": p.kind,
                "part_of": p.part_of,
                "role": p.role,
                "country": p.country,
                "lat": lat,
                "lon": lon,
                "wkt": p.wkt,
                "berths": p.berths,
                "position_quality": p.position_quality,
                "source_id": p.source[0],
                "evidence_id": p.evidence_id,
            }
        )
    return PLACES.build(rows)
