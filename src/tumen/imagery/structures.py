"""Fixed structures learned from the pixels of several dates: a mask of what never leaves, kept in a file.

Takes scenes of several dates and the places of their detections; gives a `Mask` of outlines in degrees. Only tiles in
which something was detected again and again are read, a group of tiles at a time, each scene in turn, so that memory
does not grow with the number or the size of scenes. In radar a cell stands fixed when it returns a bright echo on
almost every date; in optical images when it stands off the water and looks the same on almost every date, because
different ships at one berth look different. `Mask.read` and `Mask.write` keep it as GeoJSON, for later single scenes.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from tumen.imagery.faults import SceneFault, need
from tumen.imagery.geolocation import AffineMap
from tumen.imagery.land import Land, land_share
from tumen.imagery.scene import OPTICAL, Scene, open_scene
from tumen.imagery.settings import DetectSettings

CELL_M, TILE, HALO = 10.0, 64, 16  # cells of a tile, and round it: the level of the water needs some
DEGREE_M = 111_195.0
MIN_SCENES = 4  # dates that see a cell
MIN_SHARE = 0.8  # of them show it
MIN_DAYS = 20  # between the first and the last: anchored ships leave sooner
MOORED_SCENES, MOORED_DAYS = 6, 90  # for what lies alongside: ships stay at a quay for weeks
OFTEN = 0.4  # of a tile's dates hold a detection: else it is not read
ROOM = 96_000_000  # bytes of windows held at a time
BRIGHT = 3.0  # times the sea's level, mean of 3 x 3 pixels: 20 looks and more, far in the tail of any sea
WATER_LIMIT = 100  # cells of water that settle the level of a tile
STANDS_OFF, ALIKE = (
    0.5,
    0.25,
)  # log reflectance: of the median from the water; root mean square of a date from the median
LEAST_CELLS = 3
COVERED = 0.6  # of a hull: then it is the structure
KEPT = 0.1  # of the probability of being a ship: a hulk or a lightship may be meant
FORMAT = "tumen fixed structures 1"


@dataclass(frozen=True)
class Structure:
    """One thing that never left: outline in degrees, dates that saw it, first and last of them."""

    kind: str  # sar or optical
    outline: Any
    dates: int
    first: dt.date
    last: dt.date
    simulated: bool = False

    @property
    def settled(self) -> bool:
        """Whether it was seen long enough to be no ship at a quay."""
        return self.dates >= MOORED_SCENES and (self.last - self.first).days >= MOORED_DAYS


@dataclass
class Mask:
    """Fixed structures, and whether they were learned anew since the file was read."""

    structures: list[Structure] = field(default_factory=list)
    changed: bool = False

    @staticmethod
    def read(path: Path) -> Mask:
        """Structures of a file that `write` made. Raises `SceneFault` where it is none."""
        shapely = need("shapely")
        try:
            data = json.loads(path.read_text("utf-8"))
            if data.get("format") != FORMAT:
                raise ValueError(f'"format" is {data.get("format")!r}')
            features = data["features"]
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise SceneFault(path, f"not readable as fixed structures ({error})", f'"format": "{FORMAT}"') from None
        out = []
        for number, item in enumerate(features, 1):
            try:
                p = item["properties"]
                if p["kind"] not in ("sar", "optical"):
                    raise ValueError(f"kind {p['kind']!r}")
                first, last = dt.date.fromisoformat(p["first"]), dt.date.fromisoformat(p["last"])
                shape = shapely.geometry.shape(item["geometry"])
                shape = shape if shape.is_valid else shapely.make_valid(shape)
                out.append(Structure(p["kind"], shape, int(p["dates"]), first, last, bool(p.get("simulated", False))))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise SceneFault(
                    path, f"feature {number} ({error})", "kind sar or optical, dates, first, last, a Polygon"
                ) from None
        return Mask(out)

    def text(self) -> str:
        """The file: GeoJSON, one feature a line, in a fixed order."""
        shapely = need("shapely")
        mapping = shapely.geometry.mapping
        rows = [
            json.dumps(
                {
                    "type": "Feature",
                    "properties": {"kind": s.kind, "dates": s.dates, "first": f"{s.first}", "last": f"{s.last}"}
                    | ({"simulated": True} if s.simulated else {}),
                    "geometry": mapping(shapely.transform(s.outline, lambda p: np.round(p, 6))),
                }
            )
            for s in sorted(self.structures, key=lambda s: (s.kind, s.outline.bounds))
        ]
        head = f'{{"type": "FeatureCollection", "format": "{FORMAT}", "features": [\n'
        return head + ",\n".join(rows) + "\n]}\n"

    def mark(self, detections: list[dict[str, Any]], scenes: list[dict[str, Any]]) -> set[str]:
        """Flag detections that lie on a structure `static` and lower their probability, in place.

        Ships in a berth are never judged here (their berth's own history is), those alongside only by what was seen
        for three months. What was learned from simulated scenes counts for simulated scenes alone. Returns the scenes
        of which something was marked.
        """
        shapely = need("shapely")
        known = {s["scene_id"]: s for s in scenes if not s.get("fault")}
        touched: set[str] = set()
        trees: dict[tuple[str, bool], Any] = {}
        for row in detections:
            scene = known.get(row["scene_id"])
            if scene is None or row["lat"] is None or row["berth"] is not None or "static" in row["flags"]:
                continue
            if row["length_m"] is None:
                continue
            key = (kind_of(row["sensor"]), bool(scene.get("simulated")))
            if key not in trees:
                mine = [s for s in self.structures if s.kind == key[0] and (key[1] or not s.simulated)]
                trees[key] = (shapely.STRtree([s.outline for s in mine]), mine)
            tree, mine = trees[key]
            hull = hull_of(row)
            near = [mine[i] for i in tree.query(hull)]
            if row["alongside"]:
                near = [s for s in near if s.settled]
            if not near:
                continue
            ground = shapely.union_all([s.outline for s in near])
            if hull.intersection(ground).area >= COVERED * hull.area:
                row["flags"] = sorted({*row["flags"], "static"})
                row["probability"] *= KEPT
                touched.add(row["scene_id"])
        return touched

    def learn(
        self, detections: list[dict[str, Any]], scenes: list[dict[str, Any]], land: Land, settings: DetectSettings
    ) -> None:
        """Learn from the scenes of one run: tiles with detections on several dates, and those of known structures.

        What is known in a tile that is read is held against these dates: it is kept where they show it, and dropped
        where they do not. Scenes without a place, a time or readable pixels are left out.
        """
        for kind in ("sar", "optical"):
            usable = [
                s
                for s in scenes
                if not s.get("fault") and s.get("start") and s.get("wkt") and kind_of(s["sensor"]) == kind
            ]
            if not _tells([s["start"].date() for s in usable], MIN_DAYS):
                continue
            for tile, stack in _read(self._tiles(kind, detections, usable), usable, kind, land, settings):
                found = [_described(shape, count, stack, kind) for shape, count in _fixed(tile, stack, kind)]
                inner = tile.outline()
                centre = need("shapely").centroid
                old = [s for s in self.structures if s.kind == kind and inner.covers(centre(s.outline))]
                kept = [_merged(s, old) for s in found]
                if old or kept:
                    self.changed = True
                self.structures = [s for s in self.structures if s not in old] + kept

    def _tiles(self, kind: str, detections: list[dict[str, Any]], scenes: list[dict[str, Any]]) -> list[Tile]:
        """Tiles worth reading, in a fixed order."""
        by_id = {s["scene_id"]: s["start"].date() for s in scenes}
        days: dict[Tile, set[dt.date]] = {}
        for row in detections:
            if row["scene_id"] in by_id and row["lat"] is not None and row["berth"] is None:
                days.setdefault(Tile.at(row["lon"], row["lat"]), set()).add(by_id[row["scene_id"]])
        shapely = need("shapely")
        covers = [(shapely.from_wkt(s["wkt"]), s["start"].date()) for s in scenes]
        out = set()
        for tile, seen in days.items():
            if len(seen) < 2:
                continue
            point = tile.outline().centroid
            dates = {day for outline, day in covers if outline.covers(point)}
            if len(seen) >= OFTEN * len(dates) and _tells(sorted(dates), MIN_DAYS):
                out.add(tile)
        for s in self.structures:
            if s.kind == kind:
                middle = s.outline.centroid
                tile = Tile.at(middle.x, middle.y)
                if _tells(sorted({day for outline, day in covers if outline.covers(middle)}), MIN_DAYS):
                    out.add(tile)
        return sorted(out, key=lambda t: (t.row, t.column))


@dataclass(frozen=True)
class Tile:
    """A square of the earth: 64 x 64 cells of 10 m on a lattice that is the same for every scene."""

    row: int
    column: int

    @staticmethod
    def at(lon: float, lat: float) -> Tile:
        """The tile that holds a place (degrees)."""
        row = int(np.floor(lat * DEGREE_M / (CELL_M * TILE)))
        return Tile(row, int(np.floor(lon / Tile(row, 0).step[0] / TILE)))

    @property
    def step(self) -> tuple[float, float]:
        """Degrees of longitude and latitude of one cell."""
        lat = (self.row + 0.5) * CELL_M * TILE / DEGREE_M
        return CELL_M / DEGREE_M / max(np.cos(np.radians(lat)), 0.02), CELL_M / DEGREE_M

    def grid(self) -> AffineMap:
        """Georeference of the tile with its halo, north up."""
        dx, dy = self.step
        return AffineMap(
            (dx, 0.0, (self.column * TILE - HALO) * dx, 0.0, -dy, ((self.row + 1) * TILE + HALO) * dy), "EPSG:4326"
        )

    def outline(self) -> Any:
        """The tile without its halo, degrees."""
        dx, dy = (v * TILE for v in self.step)
        return need("shapely").box(self.column * dx, self.row * dy, (self.column + 1) * dx, (self.row + 1) * dy)


@dataclass
class _Stack:
    """What the dates show of one tile: (bands, rows, columns) each, where it could be seen, and where land is."""

    dry: np.ndarray
    data: list[np.ndarray] = field(default_factory=list)
    seen: list[np.ndarray] = field(default_factory=list)
    days: list[dt.date] = field(default_factory=list)
    bands: list[tuple[str, ...]] = field(default_factory=list)
    simulated: bool = False


def kind_of(sensor: str) -> str:
    """Radar or optical, by a detection's or scene's sensor."""
    return "sar" if sensor in ("Sentinel-1", "sar") else "optical"


def hull_of(row: dict[str, Any]) -> Any:
    """A detection's hull as a polygon in degrees; a hull narrower than a cell and a half is drawn as wide."""
    turn = np.radians(90.0 - row["heading_deg"])
    u, v = row["length_m"] / 2, max(row["width_m"] or 0.0, 1.5 * CELL_M) / 2
    along, across = np.array([-u, u, u, -u]), np.array([-v, -v, v, v])
    east, north = along * np.cos(turn) - across * np.sin(turn), along * np.sin(turn) + across * np.cos(turn)
    stretch = DEGREE_M * max(np.cos(np.radians(row["lat"])), 0.02)
    return need("shapely").Polygon(np.column_stack([row["lon"] + east / stretch, row["lat"] + north / DEGREE_M]))


def _tells(days: list[dt.date], least: int) -> bool:
    """Whether dates are many enough and far enough apart to tell what never leaves."""
    return len(set(days)) >= MIN_SCENES and (max(days) - min(days)).days >= least


def _read(
    tiles: list[Tile], scenes: list[dict[str, Any]], kind: str, land: Land, settings: DetectSettings
) -> Iterator[tuple[Tile, _Stack]]:
    """Each tile with its windows of all dates; as many tiles at a time as memory allows, scene after scene."""
    side = TILE + 2 * HALO
    room = max(1, ROOM // (side * side * (21 if kind == "optical" else 9) * max(1, len(scenes))))
    for start in range(0, len(tiles), room):
        group = {}
        for tile in tiles[start : start + room]:
            share = land_share(land, tile.grid(), 0, 0, side, side)
            group[tile] = _Stack(np.zeros((side, side), bool) if share is None else share > 0.5)
        for row in sorted(scenes, key=lambda s: (s["start"], s["scene_id"])):
            try:
                scene = open_scene(row["path"], settings.sensor, settings.pixel_m)
            except (SceneFault, OSError):
                continue
            try:
                for tile, stack in group.items():
                    window = _window(scene, tile)
                    if window is None:
                        continue
                    stack.data.append(window[0])
                    stack.seen.append(window[1])
                    stack.days.append(row["start"].date())
                    stack.bands.append(tuple(b for b in OPTICAL if b in scene.bands))
                    stack.simulated |= bool(scene.simulated)
            except (SceneFault, OSError):
                continue
            finally:
                scene.close()
        yield from group.items()


def _window(scene: Scene, tile: Tile) -> tuple[np.ndarray, np.ndarray] | None:
    """A scene's pixels on a tile's grid: radar intensity by polarisation, or log reflectance by band."""
    side = TILE + 2 * HALO
    assert scene.geo is not None
    u, v = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    lon, lat = tile.grid().lonlat(u.ravel(), v.ravel())
    px, py = (np.reshape(p, u.shape) for p in scene.geo.pixel(lon, lat))
    x0, y0 = max(0, int(px.min()) - 2), max(0, int(py.min()) - 2)
    x1, y1 = min(scene.width, int(px.max()) + 3), min(scene.height, int(py.max()) + 3)
    if x1 - x0 < 8 or y1 - y0 < 8 or (x1 - x0) * (y1 - y0) > 64 * side * side:
        return None
    size = scene.mean_pixel_m or CELL_M
    if scene.kind == "optical":
        from tumen.imagery.optical import clouds, read_bands

        bands, valid = read_bands(scene, x0, y0, x1 - x0, y1 - y0)
        valid &= ~clouds(scene, bands, x0, y0, x1 - x0, y1 - y0)
        raw = np.stack([np.log(np.maximum(b, 0) + 0.02) for b in bands.values()])
        wide = max(1, round(CELL_M / size))
    else:
        from tumen.imagery.sar import _amplitude, polarisations

        numbers = [_amplitude(scene.read(p, x0, y0, x1 - x0, y1 - y0)).astype(np.float32) for p in polarisations(scene)]
        raw, valid = np.stack(numbers) ** 2, np.min(numbers, axis=0) > 0
        wide = max(3, round(CELL_M / size)) if size < 25 else 1
    if wide > 1:
        raw = np.stack([ndimage.uniform_filter(b, wide) for b in raw])
    at = np.array([py - 0.5 - y0, px - 0.5 - x0])
    seen = ndimage.map_coordinates(valid.astype(np.float32), at, order=1, mode="constant") > 0.99
    if not seen.any():
        return None
    made = np.stack([ndimage.map_coordinates(b, at, order=1, mode="nearest") for b in raw])
    return made.astype(np.float32), seen


def _fixed(tile: Tile, stack: _Stack, kind: str) -> list[tuple[Any, int]]:
    """Outlines of what stands fixed in a tile (degrees), and how many dates saw each."""
    if not stack.days or not _tells(stack.days, MIN_DAYS):
        return []
    shows, seen = (_bright if kind == "sar" else _unchanged)(stack)
    # Two scenes of one day are one date.
    days, which = np.unique([d.toordinal() for d in stack.days], return_inverse=True)
    shows, seen = (np.stack([v[which == k].any(0) for k in range(len(days))]) for v in (shows, seen))
    count, of = shows.sum(0), seen.sum(0)
    # The dates that see a cell must be apart too: a cloud may have hidden it on all the others.
    day = days[:, None, None]
    apart = np.where(seen, day, 0).max(0) - np.where(seen, day, 10**7).min(0)
    fixed = (of >= MIN_SCENES) & (count >= MIN_SHARE * of) & (apart >= MIN_DAYS) & ~stack.dry
    fixed[:HALO] = fixed[-HALO:] = fixed[:, :HALO] = fixed[:, -HALO:] = False
    labels, n = ndimage.label(fixed, np.ones((3, 3)))
    a, b, c, d, e, f = tile.grid().transform
    transform = need("affine").Affine(a, b, c, d, e, f)
    shapely, shapes = need("shapely"), need("rasterio.features").shapes
    out = []
    for i in range(1, n + 1):
        part = labels == i
        if part.sum() < LEAST_CELLS:
            continue
        pieces = [shapely.geometry.shape(g) for g, v in shapes(part.astype("uint8"), part, 8, transform) if v]
        out.append((shapely.union_all([shapely.make_valid(p) for p in pieces]), int(of[part].max())))
    return out


def _bright(stack: _Stack) -> tuple[np.ndarray, np.ndarray]:
    """Where each radar date returns a bright echo, a cell's width of play allowed, and where it was seen."""
    shows, seen = [], []
    for data, valid in zip(stack.data, stack.seen, strict=True):
        sea = valid & ~stack.dry
        if sea.sum() < WATER_LIMIT:
            shows.append(np.zeros(valid.shape, bool))
            seen.append(np.zeros(valid.shape, bool))
            continue
        level = np.array([max(float(np.median(band[sea])), 1e-9) for band in data])
        bright = valid & ((data / level[:, None, None]).mean(0) > BRIGHT)
        shows.append(ndimage.binary_dilation(bright, np.ones((3, 3))) & valid)
        seen.append(valid)
    return np.array(shows), np.array(seen)


def _unchanged(stack: _Stack) -> tuple[np.ndarray, np.ndarray]:
    """Where each optical date looks as the dates' median does, off the water; and where it was seen."""
    from tumen.imagery.stacks import align_dates, level_dates

    # Dates without the bands that most dates have cannot be compared with them.
    common = max(sorted(set(stack.bands)), key=stack.bands.count)
    whole = [b == common for b in stack.bands]
    data = np.stack([d for d, ok in zip(stack.data, whole, strict=True) if ok])
    seen = np.stack([v for v, ok in zip(stack.seen, whole, strict=True) if ok])
    data, seen = align_dates(level_dates(data, seen), seen)
    masked = np.ma.masked_array(data, np.broadcast_to(~seen[:, None], data.shape))
    middle = np.ma.median(masked, axis=0).filled(float(data.min()))
    sea = seen.any(0) & ~stack.dry
    shows, told = (np.zeros((len(whole), *sea.shape), bool) for _ in range(2))
    told[whole] = seen
    if sea.sum() < WATER_LIMIT:
        return shows, told
    # Water is the darker half of what is not land, in the longest wave that there is.
    dark = sea & (middle[-1] <= np.median(middle[-1][sea]))
    water = np.median(middle[:, dark], axis=1)
    stands_off = np.max(middle - water[:, None, None], axis=0) > STANDS_OFF
    away = np.sqrt(np.mean((data - middle) ** 2, axis=1))
    shows[whole] = seen & stands_off & (away < ALIKE)
    return shows, told


def _described(shape: Any, count: int, stack: _Stack, kind: str) -> Structure:
    return Structure(kind, shape, count, min(stack.days), max(stack.days), stack.simulated)


def _merged(new: Structure, old: list[Structure]) -> Structure:
    """A structure that was known before keeps its first date."""
    same = [s for s in old if s.outline.intersects(new.outline)]
    if not same:
        return new
    return replace(new, dates=max(new.dates, *(s.dates for s in same)), first=min(new.first, *(s.first for s in same)))
