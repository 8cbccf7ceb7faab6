"""Ports, berths and anchorages: from the case, from a gazetteer file, and as an index for kernels.

A gazetteer is any CSV with name and coordinates (World Port Index, GFW anchorages), a GeoJSON of points
or polygons (searoute, a case's places.geojson) or a JSON object by port code (sea-ports). Points of one
name and country are one port. The case's places come first and always count; no public list has them all.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.ais.columns import plain
from tumen.ais.compiled import inlined, kernel
from tumen.ais.geo import EARTH_M, distance_m, distances_m

CELL_DEG = 0.1
COLUMNS = 3600
LINES = 1800


class PlaceError(ValueError):
    """A gazetteer cannot be read; the message names file and what was expected."""


@dataclass
class Shape:
    """A point or polygon (rings of (lon, lat), the first the outline) of a place."""

    place: str
    lat: float
    lon: float
    rings: list[np.ndarray] | None = None


@dataclass
class Places:
    """Shapes by place, with the top-level port that each part belongs to."""

    shapes: list[Shape] = field(default_factory=list)
    port_of: dict[str, str] = field(default_factory=dict)
    from_case: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.shapes)

    def names(self) -> list[str]:
        """Top-level ports, in the order in which they were first told."""
        return list(dict.fromkeys(self.port_of.get(s.place, s.place) for s in self.shapes))

    def centres(self) -> tuple[list[str], np.ndarray, np.ndarray]:
        """One representative point of each port: the middle of its shapes."""
        names = self.names()
        number = {n: k for k, n in enumerate(names)}
        lat, lon, count = np.zeros(len(names)), np.zeros(len(names)), np.zeros(len(names))
        anchor: dict[int, float] = {}
        for shape in self.shapes:
            k = number[self.port_of.get(shape.place, shape.place)]
            # longitudes are averaged around the first, so that a port on the date line stays there
            first = anchor.setdefault(k, shape.lon)
            lat[k] += shape.lat
            lon[k] += first + ((shape.lon - first + 180) % 360 - 180)
            count[k] += 1
        count[count == 0] = 1
        return names, lat / count, (lon / count + 180) % 360 - 180

    def berth(self, lat: float, lon: float, port: str) -> str | None:
        """The smallest part of a port that holds a point, or its nearest berth point within 300 m."""
        import shapely

        best: tuple[float, str] | None = None
        for shape in self.shapes:
            if shape.place == port or self.port_of.get(shape.place, shape.place) != port:
                continue
            if shape.rings:
                polygon = shapely.Polygon(shape.rings[0], shape.rings[1:])
                if polygon.covers(shapely.Point(lon, lat)) and (best is None or polygon.area < best[0]):
                    best = (polygon.area, shape.place)
            elif float(distances_m(lat, lon, shape.lat, shape.lon)) < 300 and best is None:
                best = (1e9, shape.place)
        return best[1] if best else None


def gather(gazetteer: Any = None, case_places: pa.Table | Places | None = None) -> Places:
    """Places of the case first, then of the gazetteer.

    `gazetteer`: None, a path, several paths, or `Places`; `case_places`: the table `places`.
    """
    made = Places()
    if isinstance(case_places, Places):
        _add(made, case_places)
    elif case_places is not None:
        _add(made, from_table(case_places))
    if isinstance(gazetteer, Places):
        _add(made, gazetteer)
    elif isinstance(gazetteer, str | Path):
        _add(made, load(gazetteer))
    elif isinstance(gazetteer, pa.Table):
        _add(made, from_table(gazetteer))
    elif isinstance(gazetteer, Sequence):
        for one in gazetteer:
            _add(made, one if isinstance(one, Places) else load(one))
    return made


def _add(made: Places, more: Places) -> None:
    made.shapes += more.shapes
    made.port_of |= more.port_of
    made.from_case |= more.from_case


def with_learned(known: Places, learned: Iterable[tuple[str, float, float]]) -> Places:
    """Known places with learned anchorages (port, lat, lon) added to their ports."""
    made = Places(list(known.shapes), dict(known.port_of), set(known.from_case))
    made.shapes += [Shape(name, lat, lon) for name, lat, lon in learned]
    return made


def from_table(table: pa.Table) -> Places:
    """The table `places` of a case; parts are followed up to the port that stands alone."""
    made = Places()
    part_of = {}
    for row in table.to_pylist():
        part_of[row["place"]] = row.get("part_of")
        made.from_case.add(row["place"])
        if row.get("wkt"):
            made.shapes += _geometry(row["place"], _wkt(row["wkt"]))
        elif row.get("lat") is not None and row.get("lon") is not None:
            made.shapes.append(Shape(row["place"], row["lat"], row["lon"]))
    for name in part_of:
        top, hops = name, 0
        while part_of.get(top) and hops < 10:
            top, hops = part_of[top], hops + 1
        made.port_of[name] = top
    return made


def _wkt(text: str) -> Any:
    import shapely

    return shapely.from_wkt(text)


def _geometry(name: str, geometry: Any) -> list[Shape]:
    if geometry.is_empty:
        return []
    if geometry.geom_type == "Polygon":
        point = geometry.representative_point()
        rings = [np.asarray(geometry.exterior.coords)[:, :2]] + [
            np.asarray(r.coords)[:, :2] for r in geometry.interiors
        ]
        return [Shape(name, point.y, point.x, rings)]
    if geometry.geom_type == "Point":
        return [Shape(name, geometry.y, geometry.x)]
    if hasattr(geometry, "geoms"):
        return [shape for part in geometry.geoms for shape in _geometry(name, part)]
    # A line (a quay) is taken as its points
    return [Shape(name, y, x) for x, y, *_ in geometry.coords]


def load(path: str | Path) -> Places:
    """Read a gazetteer file. Raises `PlaceError` where it holds no names with coordinates."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise PlaceError(f"{file.name}: cannot be read ({error.strerror}), expected a gazetteer file") from error
    made = _from_json(text, file.name) if text.lstrip()[:1] in "{[" else _from_csv(text)
    if not made.shapes:
        raise PlaceError(f"{file.name}: no places in it, expected columns or fields for name, latitude and longitude")
    return made


_NAME_WORDS = ("label", "name", "portname", "mainportname", "port", "s2label", "nameascii")
_LAT_WORDS = ("latitude", "lat", "ycoord", "y")
_LON_WORDS = ("longitude", "lon", "lng", "xcoord", "x")


def _from_csv(text: str) -> Places:
    rows = csv.DictReader(text.splitlines())
    header = {plain(h): h for h in rows.fieldnames or []}

    def pick(words: Iterable[str]) -> str | None:
        return next((header[w] for w in words if w in header), None)

    name, lat, lon = pick(_NAME_WORDS), pick(_LAT_WORDS), pick(_LON_WORDS)
    country = pick(("iso3", "country", "countrycode", "flag", "cty"))
    made = Places()
    if not (name and lat and lon):
        return made
    for row in rows:
        try:
            y, x = float(row[lat] or "x"), float(row[lon] or "x")
        except ValueError:
            continue
        if abs(y) <= 90 and abs(x) <= 180 and row[name]:
            made.shapes.append(Shape(_titled(row[name], row.get(country or "", "")), y, x))
    return made


def _titled(name: Any, country: str | None) -> str:
    """Two ports of one name in two countries stay apart."""
    name = name.strip()
    return f"{name} ({country.strip()})" if country and country.strip() else name


def _from_json(text: str, file: str) -> Places:
    import shapely

    try:
        data = json.loads(text)
    except ValueError as error:
        raise PlaceError(f"{file}: {error}, expected GeoJSON") from error
    made = Places()
    if isinstance(data, dict) and data.get("type") == "FeatureCollection":
        for feature in data.get("features", []):
            told = {plain(str(k)): v for k, v in (feature.get("properties") or {}).items()}
            name = next((str(told[w]) for w in ("place", *_NAME_WORDS) if told.get(w)), None)
            if name and feature.get("geometry"):
                try:
                    geometry = shapely.geometry.shape(feature["geometry"])
                except (ValueError, KeyError, TypeError, IndexError):
                    continue
                country = told.get("cty") or told.get("country") or told.get("iso3")
                made.shapes += _geometry(_titled(name, str(country) if country else ""), geometry)
                if told.get("partof"):
                    made.port_of[name] = str(told["partof"])
    elif isinstance(data, dict):
        for code, told in data.items():
            if isinstance(told, dict) and told.get("coordinates"):
                lon, lat = told["coordinates"][:2]
                made.shapes.append(Shape(_titled(told.get("name", code), told.get("country", "")), lat, lon))
    return made


@dataclass
class Index:
    """Shapes as arrays, and for each cell of a tenth of a degree which of them lie near."""

    start: np.ndarray
    listed: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    reach: np.ndarray
    port: np.ndarray
    ring_start: np.ndarray
    ring_end: np.ndarray
    xs: np.ndarray
    ys: np.ndarray

    def arrays(self) -> tuple[np.ndarray, ...]:
        """For kernels."""
        return (
            self.start, self.listed, self.lat, self.lon, self.reach, self.port, self.ring_start, self.ring_end,
            self.xs, self.ys,
        )  # fmt: skip


def index(places: Places, entry_m: float, polygon_entry_m: float, margin_m: float) -> Index:
    """Index all shapes; `margin_m` is how far beyond entry a query may still ask."""
    names = {n: k for k, n in enumerate(places.names())}
    count = len(places.shapes)
    lat = np.array([s.lat for s in places.shapes], dtype=float)
    lon = np.array([s.lon for s in places.shapes], dtype=float)
    port = np.array([names[places.port_of.get(s.place, s.place)] for s in places.shapes], dtype=np.int32)
    reach = np.array([polygon_entry_m if s.rings else entry_m for s in places.shapes], dtype=float)
    # boxes of the shapes, widened by how far a query may ask
    box = np.stack([lon, lon, lat, lat]) if count else np.zeros((4, 0))
    ring_start, ring_end = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    xs: list[np.ndarray] = []
    ys: list[np.ndarray] = []
    used = 0
    for number, shape in enumerate(places.shapes):
        if not shape.rings:
            continue
        ring_start[number] = used
        for ring in shape.rings:
            # rings are parted by a NaN, so that one run of edges holds holes too
            xs.append(np.append(ring[:, 0], np.nan))
            ys.append(np.append(ring[:, 1], np.nan))
            used += len(ring) + 1
        ring_end[number] = used
        outline = shape.rings[0]
        box[:, number] = *_range(outline[:, 0]), *_range(outline[:, 1])
    far = (reach + margin_m) / 111_000.0 + 0.001
    wide = far / np.maximum(0.05, np.cos(np.radians(np.minimum(89.0, np.maximum(np.abs(box[2]), np.abs(box[3]))))))
    x0 = np.floor((box[0] - wide + 180) / CELL_DEG).astype(np.int64)
    x1 = np.floor((box[1] + wide + 180) / CELL_DEG).astype(np.int64)
    y0 = np.clip(np.floor((box[2] - far + 90) / CELL_DEG), 0, LINES - 1).astype(np.int64)
    y1 = np.clip(np.floor((box[3] + far + 90) / CELL_DEG), 0, LINES - 1).astype(np.int64)
    # one (cell, shape) pair for each cell of each box
    width = x1 - x0 + 1
    size = width * (y1 - y0 + 1)
    owner = np.repeat(np.arange(count), size)
    within = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
    cell = (y0[owner] + within // width[owner]) * COLUMNS + (x0[owner] + within % width[owner]) % COLUMNS
    order = np.lexsort((owner, cell))
    start = np.zeros(COLUMNS * LINES + 1, dtype=np.int32)
    np.cumsum(np.bincount(cell, minlength=COLUMNS * LINES), out=start[1:])
    return Index(
        start,
        owner[order].astype(np.int32),
        lat,
        lon,
        reach,
        port,
        ring_start,
        ring_end,
        np.concatenate(xs) if xs else np.zeros(0),
        np.concatenate(ys) if ys else np.zeros(0),
    )


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def distance_to_any_m(places: Places, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Metres from points to the nearest point or polygon corner of any place; infinite without places."""
    from scipy.spatial import cKDTree

    if not places.shapes:
        return np.full(len(lat), np.inf)
    corners = [r[:, ::-1] for s in places.shapes for r in (s.rings or [])]
    spots = np.array([(s.lat, s.lon) for s in places.shapes])
    tree = cKDTree(_unit(np.concatenate([spots, *corners])))
    chord, _ = tree.query(_unit(np.stack([lat, lon], axis=1)))
    return 2 * EARTH_M * np.arcsin(np.minimum(1.0, chord / 2))


def _unit(points: np.ndarray) -> np.ndarray:
    """Points (lat, lon in degrees) on the unit sphere."""
    y, x = np.radians(points[:, 0]), np.radians(points[:, 1])
    return np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=1)


@inlined
def cell_of(lat: float, lon: float) -> int:
    """Number of the cell that holds a point."""
    row = int((lat + 90.0) / CELL_DEG)
    column = int((lon + 180.0) / CELL_DEG)
    return min(max(row, 0), LINES - 1) * COLUMNS + min(max(column, 0), COLUMNS - 1)


@inlined
def _to_polygon_m(lat: float, lon: float, a: int, b: int, xs: np.ndarray, ys: np.ndarray) -> float:
    """Metres to a polygon, 0 inside."""
    inside = False
    best = 1e12
    scale = np.cos(np.radians(lat))
    for k in range(a, b - 1):
        x1, y1, x2, y2 = xs[k], ys[k], xs[k + 1], ys[k + 1]
        if x1 != x1 or x2 != x2:
            continue
        if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
            inside = not inside
        ex, ey = (x2 - x1) * scale, y2 - y1
        px, py = (lon - x1) * scale, lat - y1
        length = ex * ex + ey * ey
        f = min(1.0, max(0.0, (px * ex + py * ey) / length)) if length > 0 else 0.0
        dx, dy = px - f * ex, py - f * ey
        best = min(best, dx * dx + dy * dy)
    return 0.0 if inside else np.sqrt(best) * 111_195.0


@inlined
def nearest(
    lat: float, lon: float, start: np.ndarray, listed: np.ndarray, s_lat: np.ndarray, s_lon: np.ndarray,
    reach: np.ndarray, port: np.ndarray, ring_start: np.ndarray, ring_end: np.ndarray, xs: np.ndarray, ys: np.ndarray,
) -> tuple[int, float]:  # fmt: skip
    """Port whose entry line is nearest, and metres beyond that line (negative: inside); (-1, inf) if none is near."""
    cell = cell_of(lat, lon)
    best = -1
    beyond = np.inf
    for k in range(start[cell], start[cell + 1]):
        s = listed[k]
        if ring_end[s] > ring_start[s]:
            d = _to_polygon_m(lat, lon, ring_start[s], ring_end[s], xs, ys)
        else:
            d = distance_m(lat, lon, s_lat[s], s_lon[s])
        d -= reach[s]
        if d < beyond or (d == beyond and port[s] < best):
            beyond = d
            best = port[s]
    return best, beyond


@kernel
def nearest_all(lat: np.ndarray, lon: np.ndarray, arrays: tuple) -> tuple[np.ndarray, np.ndarray]:
    """`nearest` for many points (degrees)."""
    start, listed, s_lat, s_lon, reach, port, ring_start, ring_end, xs, ys = arrays
    out = np.empty(len(lat), dtype=np.int64)
    far = np.empty(len(lat), dtype=np.float64)
    for i in range(len(lat)):
        out[i], far[i] = nearest(lat[i], lon[i], start, listed, s_lat, s_lon, reach, port, ring_start, ring_end, xs, ys)
    return out, far
