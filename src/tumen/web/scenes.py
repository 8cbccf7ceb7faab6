"""A case's own scenes in the browser: tiles of their pixels, what was found in them, lengths on the ground.

Takes rows of SCENES and the scenes' files; gives PNG tiles of a pyramid, outlines of berths and ships
in pixel coordinates, and the length and heading of a line. Coarse levels are cut from one reduced
picture of the scene that is kept in the store, fine ones are read from the file when asked for.
"""

from __future__ import annotations

import hashlib
import io
import math
import threading
from collections import OrderedDict
from typing import Any

import numpy as np

from tumen.study import Study

TILE = 256
# Longest side of the reduced picture; from it the stretch is taken, so that tiles fit each other.
REDUCED = 1536
TILES_KEPT = 600
OPEN_KEPT = 4


class SceneError(LookupError):
    """There is no such scene, tile or chip, or its file cannot be read any more; the message is safe to show."""


class Scenes:
    """Open scenes of one workbench. One thread reads at a time: GDAL's handles are not to be shared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[str, _Opened] = OrderedDict()
        self._tiles: OrderedDict[tuple[str, int, int, int], bytes] = OrderedDict()

    def tile(self, study: Study, scene: str, level: int, x: int, y: int) -> bytes:
        """PNG of one tile; `level` counts up to the scene's own pixels. Raises `SceneError`."""
        key = (scene, level, x, y)
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
            made = self._get(study, scene).tile(level, x, y)
            self._tiles[key] = made
            while len(self._tiles) > TILES_KEPT:
                self._tiles.popitem(last=False)
            return made

    def outlines(self, study: Study, scene: str) -> dict[str, Any]:
        """Berths and ships of a scene in its pixel coordinates. Raises `SceneError`."""
        with self._lock:
            return self._get(study, scene).outlines(study)

    def line(self, study: Study, scene: str, ends: tuple[float, float, float, float]) -> dict[str, Any]:
        """Length, heading and place of a line between two pixels. Raises `SceneError`."""
        with self._lock:
            return self._get(study, scene).line(study, ends)

    def _get(self, study: Study, scene: str) -> _Opened:
        row = row_of(study, scene)
        if scene in self._open:
            self._open.move_to_end(scene)
            return self._open[scene]
        if row["fault"]:
            raise SceneError(f"{row['scene_id']}: {row['fault']}")
        made = _Opened(study, row)
        self._open[scene] = made
        while len(self._open) > OPEN_KEPT:
            self._open.popitem(last=False)[1].scene.close()
        return made


def row_of(study: Study, scene: str) -> dict[str, Any]:
    """The row of SCENES with an evidence id. Raises `SceneError`."""
    for row in study.table("scenes").to_pylist():
        if row["evidence_id"] == scene:
            return dict(row)
    raise SceneError("there is no such scene in the case as it stands now")


def chip(study: Study, name: str) -> bytes:
    """The PNG of a chip. Raises `SceneError`."""
    import pyarrow.compute as pc

    table = study.table("chips")
    found = table.filter(pc.equal(table["chip_id"], name))
    if not found.num_rows:
        raise SceneError("there is no such chip in the case as it stands now")
    return bytes(found["png"][0].as_py())


def levels(width: int, height: int) -> int:
    """Number of the finest level: each level halves the one above it.

    >>> levels(256, 200), levels(257, 1)
    (8, 9)
    """
    return max(0, math.ceil(math.log2(max(width, height, 1))))


class _Opened:
    def __init__(self, study: Study, row: dict[str, Any]) -> None:
        try:
            from tumen.imagery.faults import SceneFault
            from tumen.imagery.scene import open_scene
        except ImportError as error:
            raise SceneError(f"to show scenes, install the imagery extra ({error.name} is missing)") from error
        try:
            self.scene = open_scene(row["path"])
            self.row, self.top = row, levels(self.scene.width, self.scene.height)
            wanted = ("B04", "B03", "B02") if self.scene.kind == "optical" else tuple(self.scene.bands)[:2]
            self.bands = [b for b in wanted if b in self.scene.bands] or [next(iter(self.scene.bands))]
            self.shrink = max(1.0, max(self.scene.width, self.scene.height) / REDUCED)
            self.reduced = self._reduced(study)
        except (SceneFault, OSError) as error:
            raise SceneError(str(error)) from error
        seen = self.reduced[:, np.any(self.reduced > 0, axis=0)]
        bounds = (
            np.percentile(seen, (1, 99.7), axis=1) if seen.size else np.array([[0.0], [1.0]]) * np.ones(len(self.bands))
        )
        self.low: np.ndarray = bounds[0]
        self.high: np.ndarray = bounds[1]

    def _reduced(self, study: Study) -> np.ndarray:
        mark = hashlib.sha256(f"{self.row['evidence_id']} {REDUCED} {self.bands}".encode()).hexdigest()[:24]
        path = study.store.folder / "reduced" / f"{mark}.npy"
        try:
            return np.load(path)
        except (OSError, ValueError):
            pass
        size = (max(1, round(self.scene.width / self.shrink)), max(1, round(self.scene.height / self.shrink)))
        made = self._read((0.0, 0.0, float(self.scene.width), float(self.scene.height)), size)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{threading.get_ident()}.npy")
        np.save(aside, made)
        aside.replace(path)
        return made

    def _read(self, window: tuple[float, float, float, float], size: tuple[int, int]) -> np.ndarray:
        """Bands of a window (x, y, width, height in pixels of the scene) at a size (width, height), as float32."""
        from rasterio.enums import Resampling
        from rasterio.windows import Window

        out = []
        for name in self.bands:
            band = self.scene.bands[name]
            data = self.scene.dataset(band.path)
            fx, fy = data.width / self.scene.width, data.height / self.scene.height
            x, y, w, h = window
            way = Resampling.average if w > size[0] else Resampling.nearest
            out.append(data.read(band.index, window=Window(x * fx, y * fy, w * fx, h * fy), out_shape=(size[1], size[0]), resampling=way))  # fmt: skip
        return np.stack(out).astype(np.float32)

    def tile(self, level: int, x: int, y: int) -> bytes:
        if not 0 <= level <= self.top:
            raise SceneError("there is no such tile")
        scale = 2.0 ** (self.top - level)
        left, top = x * TILE * scale, y * TILE * scale
        if not (0 <= left < self.scene.width and 0 <= top < self.scene.height):
            raise SceneError("there is no such tile")
        w, h = min(TILE * scale, self.scene.width - left), min(TILE * scale, self.scene.height - top)
        size = (max(1, math.ceil(w / scale)), max(1, math.ceil(h / scale)))
        if scale >= self.shrink > 1:
            f = self.reduced.shape[2] / self.scene.width
            rows = np.clip(
                ((top + (np.arange(size[1]) + 0.5) * h / size[1]) * f).astype(int), 0, self.reduced.shape[1] - 1
            )
            columns = np.clip(
                ((left + (np.arange(size[0]) + 0.5) * w / size[0]) * f).astype(int), 0, self.reduced.shape[2] - 1
            )
            raw = self.reduced[:, rows][:, :, columns]
        else:
            raw = self._read((left, top, w, h), size)
        return self._png(raw)

    def _png(self, raw: np.ndarray) -> bytes:
        from PIL import Image

        low, high = self.low[:, None, None], self.high[:, None, None]
        made = np.clip((raw - low) / np.maximum(high - low, 1e-9), 0, 1) ** (
            0.7 if self.scene.kind == "optical" else 0.8
        )
        if len(made) == 2:
            made = np.stack([made[0], made[1], (made[0] + made[1]) / 2])
        if len(made) != 3:
            made = np.repeat(made[:1], 3, axis=0)
        out = io.BytesIO()
        Image.fromarray((np.moveaxis(made, 0, 2) * 255).astype(np.uint8)).save(out, "PNG", compress_level=3)
        return out.getvalue()

    def outlines(self, study: Study) -> dict[str, Any]:
        from tumen.imagery.areas import areas_of_places

        areas = []
        for area in areas_of_places(study.table("places")):
            shape = area.in_pixels(self.scene)
            for part in getattr(shape, "geoms", [shape] if shape is not None else []):
                if part.geom_type == "Polygon" and self._near(part.bounds):
                    areas.append({"name": area.name, "kind": area.kind, "points": _points(part.exterior.coords)})
        ships = [
            {
                "detection_id": d["detection_id"], "points": self._hull(d), "x": d["x"], "y": d["y"], "why": d["evidence_id"],
                **{k: d[k] for k in ("length_m", "length_sd_m", "width_m", "heading_deg", "probability", "place", "berth", "lat", "lon", "chip_id")},
            }
            for d in study.table("detections").to_pylist()
            if d["scene_id"] == self.row["scene_id"]
        ]  # fmt: skip
        return {"areas": areas, "ships": ships}

    def _near(self, bounds: tuple[float, float, float, float]) -> bool:
        return bounds[0] < self.scene.width and bounds[2] > 0 and bounds[1] < self.scene.height and bounds[3] > 0

    def _hull(self, d: dict[str, Any]) -> list[list[float]]:
        """Corners of a ship's outline in pixels: its heading is from north, so the georeference turns it."""
        turn = math.radians(d["heading_deg"])
        ux, uy = math.sin(turn), -math.cos(turn)
        geo = self.scene.geo
        if geo is not None and d["lat"] is not None:
            step = 1e-4
            x, y = geo.pixel(
                [d["lon"], d["lon"] + step * math.sin(turn) / max(math.cos(math.radians(d["lat"])), 0.01)],
                [d["lat"], d["lat"] + step * math.cos(turn)],
            )
            ux, uy = float(x[1] - x[0]), float(y[1] - y[0])
            norm = math.hypot(ux, uy) or 1.0
            ux, uy = ux / norm, uy / norm
        a, b = d["length_px"] / 2, max(d["width_px"], 1.0) / 2
        corners = [(s * a * ux - t * b * uy, s * a * uy + t * b * ux) for s, t in ((1, 1), (1, -1), (-1, -1), (-1, 1))]
        return _points([(d["x"] + dx, d["y"] + dy) for dx, dy in corners])

    def line(self, study: Study, ends: tuple[float, float, float, float]) -> dict[str, Any]:
        x1, y1, x2, y2 = ends
        told: dict[str, Any] = {"pixels": round(math.hypot(x2 - x1, y2 - y1), 1), "length_m": None, "heading_deg": None, "lat": None, "lon": None, "place": None, "berth": None}  # fmt: skip
        if self.scene.geo is None:
            size = self.scene.mean_pixel_m
            return told | ({"length_m": round(told["pixels"] * size, 1)} if size else {})
        from tumen.imagery.geolocation import metres

        lon, lat = self.scene.geo.lonlat([x1, x2, (x1 + x2) / 2], [y1, y2, (y1 + y2) / 2])
        east, north = metres(lon[0], lat[0], lon[1], lat[1])
        told |= {"length_m": round(float(np.hypot(east, north)), 1), "heading_deg": round(float(np.degrees(np.arctan2(east, north))) % 180, 1), "lat": round(float(lat[2]), 6), "lon": round(float(lon[2]), 6)}  # fmt: skip
        return told | self._home(study, float(lon[2]), float(lat[2]))

    def _home(self, study: Study, lon: float, lat: float) -> dict[str, Any]:
        import shapely

        from tumen.imagery.areas import BERTHS, areas_of_places, port_of

        areas = areas_of_places(study.table("places"))
        over = sorted((a for a in areas if a.polygon.contains(shapely.Point(lon, lat))), key=lambda a: a.polygon.area)
        if not over:
            return {}
        berth = next((a.name for a in over if a.kind in BERTHS or a.kind == "pier"), None)
        return {"place": port_of(over[0], areas), "berth": berth}


def _points(coordinates: Any) -> list[list[float]]:
    return [[round(float(p[0]), 2), round(float(p[1]), 2)] for p in coordinates]
