"""From pixels to degrees and back: an affine map in a CRS, or a Sentinel-1 tie-point grid.

Pixel coordinates are continuous: (0, 0) is the upper left corner of the first pixel and its centre
is (0.5, 0.5). A tie point of a GRD annotation belongs to the centre of the pixel that it names
(Sentinel-1 Product Specification S1-RS-MDA-52-7441, geolocationGridPoint).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tumen.imagery.faults import SceneFault, need

EARTH_M_PER_DEGREE = 111_195.0  # of arc on a sphere of 6371.0088 km (IUGG mean radius)

# Absolute geolocation, 1 sigma. Sentinel-1 GRD: annotated tie points lie on the ellipsoid/DEM of the
# processor; the mission's calibration reports 7 m (95 % under 10 m at 2.5 m bias) for IW at sea level.
# Sentinel-2: 12.5 m (95.5 %) without ground control before 2021, about 6 m since the global reference image.
SENTINEL1_SD_M, SENTINEL2_SD_M = 7.0, 6.0


def metres(lon0: Any, lat0: Any, lon: Any, lat: Any) -> tuple[Any, Any]:
    """East and north offsets in metres of (lon, lat) from (lon0, lat0), degrees; good to 0.1 % within 50 km.

    >>> [round(float(v)) for v in metres(130.0, 42.0, 130.01, 42.01)]
    [826, 1112]
    """
    east = (np.asarray(lon) - lon0) * EARTH_M_PER_DEGREE * np.cos(np.radians(lat0))
    return east, (np.asarray(lat) - lat0) * EARTH_M_PER_DEGREE


@dataclass(frozen=True)
class AffineMap:
    """Georeference by an affine transform in a CRS (GDAL order a, b, c, d, e, f)."""

    transform: tuple[float, float, float, float, float, float]
    crs: str

    def lonlat(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Degrees of pixel positions."""
        a, b, c, d, e, f = self.transform
        x, y = np.asarray(x, float), np.asarray(y, float)
        lon, lat = _transformer(self.crs, "EPSG:4326").transform(a * x + b * y + c, d * x + e * y + f)
        return np.asarray(lon), np.asarray(lat)

    def pixel(self, lon: Any, lat: Any) -> tuple[np.ndarray, np.ndarray]:
        """Pixel positions of degrees."""
        a, b, c, d, e, f = self.transform
        u, v = _transformer("EPSG:4326", self.crs).transform(np.asarray(lon, float), np.asarray(lat, float))
        u, v, det = np.asarray(u) - c, np.asarray(v) - f, a * e - b * d
        return (e * u - b * v) / det, (a * v - d * u) / det


_TRANSFORMERS: dict[tuple[str, str], Any] = {}


def _transformer(source: str, target: str) -> Any:
    # Building one takes 20 ms; they are immutable descriptions, so keeping them is no hidden state.
    key = (source, target)
    if key not in _TRANSFORMERS:
        _TRANSFORMERS[key] = need("pyproj").Transformer.from_crs(source, target, always_xy=True)
    return _TRANSFORMERS[key]


@dataclass(frozen=True)
class TieGrid:
    """A regular grid of tie points in pixel space, interpolated bilinearly.

    `lines` and `pixels` are the grid's coordinates (pixel centres), `lon` and `lat` have shape
    (lines, pixels). Between tie points of an IW GRD product, about 20 km apart, bilinear
    interpolation of degrees is off by up to 3 m where the terrain is flat.
    """

    lines: np.ndarray
    pixels: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    incidence: np.ndarray | None = None

    @classmethod
    def of_points(cls, points: np.ndarray, path: object) -> TieGrid:
        """From rows (line, pixel, lon, lat[, incidence]); raises `SceneFault` when they form no grid."""
        lines, pixels = np.unique(points[:, 0]), np.unique(points[:, 1])
        if len(lines) < 2 or len(pixels) < 2 or len(lines) * len(pixels) != len(points):
            raise SceneFault(path, f"{len(points)} tie points that form no grid", "rows and columns of tie points")
        order = np.lexsort((points[:, 1], points[:, 0]))
        grid = points[order].reshape(len(lines), len(pixels), -1)
        if not np.isfinite(grid).all():
            raise SceneFault(path, "a tie point that is no number", "degrees")
        lon = grid[..., 2]
        if np.ptp(lon) > 180:  # the scene crosses the date line
            lon = np.where(lon < 0, lon + 360, lon)
        return cls(lines + 0.5, pixels + 0.5, lon, grid[..., 3], grid[..., 4] if grid.shape[2] > 4 else None)

    def _blend(self, values: np.ndarray, x: Any, y: Any) -> np.ndarray:
        x, y = np.asarray(x, float), np.asarray(y, float)
        j = np.clip(np.searchsorted(self.pixels, x) - 1, 0, len(self.pixels) - 2)
        i = np.clip(np.searchsorted(self.lines, y) - 1, 0, len(self.lines) - 2)
        u = (x - self.pixels[j]) / (self.pixels[j + 1] - self.pixels[j])
        v = (y - self.lines[i]) / (self.lines[i + 1] - self.lines[i])
        top = values[i, j] * (1 - u) + values[i, j + 1] * u
        return top * (1 - v) + (values[i + 1, j] * (1 - u) + values[i + 1, j + 1] * u) * v

    def lonlat(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Degrees of pixel positions."""
        lon = self._blend(self.lon, x, y)
        return (lon + 180) % 360 - 180, self._blend(self.lat, x, y)

    def incidence_deg(self, x: Any, y: Any) -> np.ndarray | None:
        """Incidence angle, degrees, or None where the grid has none."""
        return None if self.incidence is None else self._blend(self.incidence, x, y)

    def pixel(self, lon: Any, lat: Any) -> tuple[np.ndarray, np.ndarray]:
        """Pixel positions of degrees, by Newton steps from a plane through the tie points."""
        lon, lat = np.asarray(lon, float), np.asarray(lat, float)
        lon = lon + 360 * np.round((self.lon.mean() - lon) / 360)
        px, ln = np.meshgrid(self.pixels, self.lines)
        design = np.column_stack([np.ones(px.size), self.lon.ravel(), self.lat.ravel()])
        coef, *_ = np.linalg.lstsq(design, np.column_stack([px.ravel(), ln.ravel()]), rcond=None)
        x = coef[0, 0] + coef[1, 0] * lon + coef[2, 0] * lat
        y = coef[0, 1] + coef[1, 1] * lon + coef[2, 1] * lat
        step = 4.0  # pixels, for the numerical derivative
        for _ in range(12):
            f, g = self._blend(self.lon, x, y), self._blend(self.lat, x, y)
            fx = (self._blend(self.lon, x + step, y) - f) / step
            fy = (self._blend(self.lon, x, y + step) - f) / step
            gx = (self._blend(self.lat, x + step, y) - g) / step
            gy = (self._blend(self.lat, x, y + step) - g) / step
            det = fx * gy - fy * gx
            dx, dy = ((lon - f) * gy - (lat - g) * fy) / det, ((lat - g) * fx - (lon - f) * gx) / det
            x, y = x + dx, y + dy
            if np.max(np.abs(dx), initial=0) < 1e-6 and np.max(np.abs(dy), initial=0) < 1e-6:
                break
        return x, y


Georeference = AffineMap | TieGrid


def pixel_size_m(geo: Georeference, x: float, y: float) -> tuple[float, float]:
    """Ground size in metres of one pixel step along x and along y at a pixel position."""
    lon, lat = geo.lonlat([x, x + 1, x], [y, y, y + 1])
    east, north = metres(lon[0], lat[0], lon, lat)
    return float(np.hypot(east[1], north[1])), float(np.hypot(east[2], north[2]))


def axis_to_north_deg(geo: Georeference, x: float, y: float, angle: float) -> float:
    """Turn an axis at `angle` radians from the x axis (y down) into degrees clockwise from north, 0..180."""
    lon, lat = geo.lonlat([x, x + 8 * np.cos(angle)], [y, y + 8 * np.sin(angle)])
    east, north = metres(lon[0], lat[0], lon[1], lat[1])
    return float(np.degrees(np.arctan2(east, north)) % 180)
