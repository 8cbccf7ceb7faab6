"""Land under a scene: OpenStreetMap's coastline polygons, a GeoJSON of the case, or both.

Takes polygons (the shapes inside `roaring-landmask`; its bitmap shortcut draws false water near
piers, the shapes do not) and a scene's georeference; gives the share of each pixel that is land.
There is no coastal buffer: a ship alongside touches the quay and must not be swallowed.
The shapes are unpacked once into a memory-mapped cache, because parsing them takes 6 s.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from tumen.imagery.faults import SceneFault, need
from tumen.imagery.geolocation import AffineMap, Georeference, TieGrid

CACHE_VERSION = "1"
SIMPLER_DEG = 1e-5  # a metre: far below a pixel, and half the points of a fjord coast
INVERSE_NODES, MANY_POINTS, FEW_POINTS = 160, 20_000, 500


@dataclass(frozen=True)
class Land:
    """Where land polygons come from.

    `osm` uses the OpenStreetMap shapes; `files` are GeoJSON files whose features are land, or water
    where a feature has the property `"water": true` (a dredged basin, a lost pier).
    """

    osm: bool = True
    files: tuple[str, ...] = ()
    cache: str | None = None
    _loaded: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> Any:
        return Land, (self.osm, self.files, self.cache)

    def polygons(self, west: float, south: float, east: float, north: float) -> list[Any]:
        """Land polygons (shapely, WGS 84) clipped to a box in degrees."""
        shapely = need("shapely")
        made: list[Any] = []
        if self.osm:
            made = self._osm(west, south, east, north)
        for file in self.files:
            land, water = self._file(file)
            made += (
                [g for g in shapely.clip_by_rect(np.array(land), west, south, east, north) if not g.is_empty]
                if land
                else []
            )
            if water:
                cut = shapely.union_all(water)
                made = [g for g in (shapely.difference(shapely.make_valid(p), cut) for p in made) if not g.is_empty]
        return made

    def _osm(self, west: float, south: float, east: float, north: float) -> list[Any]:
        shapely = need("shapely")
        boxes, starts, coords = self._store()
        hit = (boxes[:, 0] < east) & (boxes[:, 2] > west) & (boxes[:, 1] < north) & (boxes[:, 3] > south)
        out = []
        for i in np.flatnonzero(hit):
            ring = np.asarray(coords[starts[i] : starts[i + 1]])
            polygon = shapely.clip_by_rect(shapely.polygons(ring), west, south, east, north)
            if not polygon.is_empty:
                out.append(polygon)
        return out

    def _store(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if "osm" not in self._loaded:
            folder = Path(self.cache) if self.cache else cache_folder()
            path = folder / f"osm-land-{_library_version()}-{CACHE_VERSION}.npy"
            if not path.exists():
                _unpack(path)
            coords = np.load(path, mmap_mode="r")
            index = np.load(path.with_suffix(".index.npz"))
            self._loaded["osm"] = (index["boxes"], index["starts"], coords)
        return self._loaded["osm"]

    def _file(self, file: str) -> tuple[list[Any], list[Any]]:
        if file not in self._loaded:
            self._loaded[file] = read_land(Path(file))
        return self._loaded[file]


def cache_folder() -> Path:
    """Folder for derived data that any run may rebuild: $TUMEN_CACHE, $XDG_CACHE_HOME/tumen or ~/.cache/tumen."""
    for base in (os.environ.get("TUMEN_CACHE"), os.environ.get("XDG_CACHE_HOME"), os.path.expanduser("~/.cache")):
        if base and base != "~/.cache":
            path = Path(base) / "tumen"
            try:
                path.mkdir(parents=True, exist_ok=True)
                if os.access(path, os.W_OK):
                    return path
            except OSError:
                continue
    return Path(tempfile.gettempdir())


def _library_version() -> str:
    from importlib.metadata import version

    return version("roaring-landmask")


def _unpack(path: Path) -> None:
    """Write outer rings as one coordinate array with an index; whole files only, moved into place."""
    provider = need("roaring_landmask")
    raw = np.frombuffer(bytes(provider.Shapes.wkb(provider.LandmaskProvider.Osm)), np.uint8)
    starts, offsets = _ring_offsets(raw)
    counts = np.diff(starts)
    coords = np.empty((int(starts[-1]), 2))
    boxes = np.empty((len(counts), 4))
    data = raw.tobytes()
    for i, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
        ring = np.frombuffer(data, "<f8", 2 * int(count), int(offset)).reshape(-1, 2)
        coords[starts[i] : starts[i + 1]] = ring
        boxes[i] = (*ring.min(0), *ring.max(0))
    for target, save in (
        (path.with_suffix(".index.npz"), lambda f: np.savez(f, boxes=boxes, starts=starts)),
        (path, lambda f: np.save(f, coords)),
    ):
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            save(file)
        os.replace(file.name, target)


def _ring_offsets(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of points before each outer ring, and the byte offset of its first point, in a MultiPolygon's WKB."""
    data = raw.tobytes()
    order = "<" if data[0] == 1 else ">"
    if order != "<" or int.from_bytes(data[1:5], "little") & 0xFF != 6:
        raise ValueError("land shapes are not a little-endian MultiPolygon")
    count, position = int.from_bytes(data[5:9], "little"), 9
    starts, offsets, total = [0], [], 0
    for _ in range(count):
        rings = int.from_bytes(data[position + 5 : position + 9], "little")
        position += 9
        for ring in range(rings):
            points = int.from_bytes(data[position : position + 4], "little")
            if ring == 0:  # the coastline polygons have no inner rings; a lake would be one
                total += points
                starts.append(total)
                offsets.append(position + 4)
            position += 4 + 16 * points
    return np.array(starts), np.array(offsets)


def read_land(path: Path) -> tuple[list[Any], list[Any]]:
    """Land and water polygons of a GeoJSON file."""
    shapely = need("shapely")
    try:
        data = json.loads(path.read_text("utf-8"))
        features = data["features"] if data.get("type") == "FeatureCollection" else [data]
        land: list[Any] = []
        water: list[Any] = []
        for item in features:
            geometry = item.get("geometry", item) if item.get("type") == "Feature" else item
            shape = shapely.make_valid(shapely.geometry.shape(geometry))
            (water if (item.get("properties") or {}).get("water") else land).append(shape)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise SceneFault(
            path, f"not readable as land polygons ({error})", "a GeoJSON FeatureCollection of polygons"
        ) from None
    return land, water


def land_share(
    land: Land | None, geo: Georeference | None, x: int, y: int, width: int, height: int, fine: int = 4
) -> np.ndarray | None:
    """Share of land in each pixel of a window, float32 (height, width), or None where there is no land.

    Coastlines are drawn at `fine` times the pixel grid and averaged.
    """
    if land is None or geo is None:
        return None
    outlines = pixel_polygons(land, geo, x, y, width, height)
    if not outlines:
        return None
    features, affine = need("rasterio.features"), need("affine")
    transform = affine.Affine(1 / fine, 0, x, 0, 1 / fine, y)
    mask = features.rasterize(
        [(g, 1) for g in outlines], (height * fine, width * fine), transform=transform, dtype="uint8"
    )
    return mask.reshape(height, fine, width, fine).mean((1, 3), dtype="float32")


def land_mask(
    land: Land | None, geo: Georeference | None, x: int, y: int, width: int, height: int
) -> np.ndarray | None:
    """Pixels of a window whose centre is land, uint8 (height, width), or None where there is no land."""
    if land is None or geo is None:
        return None
    return draw_land(pixel_polygons(land, geo, x, y, width, height), x, y, width, height)


def scene_land(land: Land | None, geo: Georeference | None, width: int, height: int) -> list[Any]:
    """Land polygons of a whole scene in its pixel coordinates, for strips to be drawn from with `draw_land`."""
    if land is None or geo is None:
        return []
    return pixel_polygons(land, geo, 0, 0, width, height)


def draw_land(outlines: list[Any], x: int, y: int, width: int, height: int) -> np.ndarray | None:
    """Land of a window from polygons in pixel coordinates, uint8 (height, width), or None where there is none."""
    if not outlines:
        return None
    shapely = need("shapely")
    parts = shapely.clip_by_rect(np.array(outlines), x - 2, y - 2, x + width + 2, y + height + 2)
    parts = parts[~shapely.is_empty(parts)]
    if not len(parts):
        return None
    transform = need("affine").Affine(1, 0, x, 0, 1, y)
    return need("rasterio.features").rasterize(
        [(g, 1) for g in parts], (height, width), transform=transform, dtype="uint8"
    )


def pixel_polygons(land: Land, geo: Georeference, x: int, y: int, width: int, height: int) -> list[Any]:
    """Land polygons of a window, in the scene's pixel coordinates."""
    shapely = need("shapely")
    t = np.linspace(0, 1, 9)
    px = np.concatenate([x + t * width, np.full(9, x + width), x + t * width, np.full(9, x)])
    py = np.concatenate([np.full(9, y), y + t * height, np.full(9, y + height), y + t * height])
    lon, lat = geo.lonlat(px, py)
    if np.ptp(lon) > 180:  # the date line: take both sides
        sides = [(-180.0, float(lon[lon < 0].max())), (float(lon[lon >= 0].min()), 180.0)]
    else:
        sides = [(float(lon.min()), float(lon.max()))]
    to_pixels = _to_pixels(geo, lon, lat)
    pad = 0.002  # degrees: clipped edges stay outside the window
    out: list[Any] = []
    for west, east in sides:
        for polygon in land.polygons(west - pad, float(lat.min()) - pad, east + pad, float(lat.max()) + pad):
            fine = shapely.simplify(polygon, SIMPLER_DEG, preserve_topology=False)
            made = shapely.transform(fine, to_pixels)
            out.extend(g for g in shapely.get_parts(made) if g.geom_type == "Polygon" and not g.is_empty)
    return out


def _to_pixels(geo: Georeference, lon: np.ndarray, lat: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Degrees (points, 2) to pixels. Long coastlines in a tie grid and many islands go by an inverse grid, good to 0.1 pixel."""

    def exact(p: np.ndarray) -> np.ndarray:
        return np.column_stack(geo.pixel(p[:, 0], p[:, 1]))

    if not isinstance(geo, TieGrid) or np.ptp(lon) > 180:
        return exact
    pad = 0.01
    u = np.linspace(lon.min() - pad, lon.max() + pad, INVERSE_NODES)
    v = np.linspace(lat.min() - pad, lat.max() + pad, INVERSE_NODES)
    made: list[np.ndarray] = []
    counted = [0]

    def fast(p: np.ndarray) -> np.ndarray:
        counted[0] += len(p) + FEW_POINTS  # a small polygon costs as much as some points
        if counted[0] < MANY_POINTS:
            return exact(p)
        if not made:
            grid = np.array(geo.pixel(*(a.ravel() for a in np.meshgrid(u, v))))
            made.append(grid.reshape(2, INVERSE_NODES, INVERSE_NODES))
        i = np.clip((p[:, 1] - v[0]) / (v[1] - v[0]), 0, INVERSE_NODES - 1.001)
        j = np.clip((p[:, 0] - u[0]) / (u[1] - u[0]), 0, INVERSE_NODES - 1.001)
        return np.column_stack([ndimage.map_coordinates(g, [i, j], order=1) for g in made[0]])

    return fast


def is_metric(geo: Georeference | None) -> bool:
    """Whether the grid is north-up in a projected CRS (its pixels can be measured along the axes)."""
    return isinstance(geo, AffineMap) and geo.transform[1] == 0 and geo.transform[3] == 0
