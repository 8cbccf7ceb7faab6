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

# Absolute geolocation, 1 sigma. Sentinel-1 GRD: the mission's calibration reports 7 m (95 % under 10 m at 2.5 m bias)
# for IW at the height that is used; places are given at sea level (see `sea_level_grid`).
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


@dataclass(frozen=True)
class TiePoints:
    """Tie points of a Sentinel-1 annotation, each array of shape (lines, pixels); degrees, metres, seconds.

    `height` is that of the ground on which the processor placed the point, `slant` the range at which it is seen.
    """

    lines: np.ndarray  # (lines,)
    pixels: np.ndarray  # (pixels,)
    lon: np.ndarray
    lat: np.ndarray
    height: np.ndarray
    incidence: np.ndarray
    slant: np.ndarray
    seconds: np.ndarray  # (lines,) azimuth time, from any origin


@dataclass(frozen=True)
class RangeLaw:
    """Slant range of ground range, metres: a polynomial holds for the lines nearest to its azimuth time.

    So the tie points of real products were made: they agree to a millionth of a metre (blending neighbours linearly
    is off by up to 11 m in mountains). `seconds` counts from the origin of the tie points' times; `start` is each
    polynomial's first ground range; `coefficients` has shape (times, terms), lowest first.
    """

    seconds: np.ndarray
    start: np.ndarray
    coefficients: np.ndarray

    def slant(self, seconds: float, ground_m: np.ndarray) -> np.ndarray:
        """Slant range at one azimuth time."""
        k = int(np.argmin(np.abs(self.seconds - seconds)))
        return np.asarray(np.polynomial.polynomial.polyval(ground_m - self.start[k], self.coefficients[k]))


WGS84_A, WGS84_B = 6_378_137.0, 6_356_752.314245  # semi-axes, metres
DENSE_S, DENSE_M = 0.25, 2_500.0  # steps of the grid at sea level: polynomials change every second


def at_sea_level(ties: TiePoints) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude where the sea would lie that is seen at each tie point's time and range.

    The processor places tie points on the terrain. A point at height h lies about h / tan(incidence) farther from
    the radar than the sea seen at the same range: 1.4 km for a hill of 1 km at 35 degrees. Sphere of the ellipsoid's
    radius at the latitude, law of cosines in the triangle of earth's centre, satellite and ground.
    """
    lat = np.radians(ties.lat)
    a2, b2 = WGS84_A**2, WGS84_B**2
    c, s = np.cos(lat), np.sin(lat)
    radius = np.sqrt(((a2 * c) ** 2 + (b2 * s) ** 2) / (a2 * c**2 + b2 * s**2))
    high = radius + ties.height
    orbit2 = high**2 + ties.slant**2 + 2 * high * ties.slant * np.cos(np.radians(ties.incidence))
    orbit = np.sqrt(orbit2)

    def turn(r: np.ndarray) -> np.ndarray:
        return np.arccos((orbit2 + r**2 - ties.slant**2) / (2 * orbit * r))

    nearer = radius * (turn(high) - turn(radius))
    e2 = 1 - b2 / a2
    root = np.sqrt(1 - e2 * s**2)
    east_m = WGS84_A / root * c * np.pi / 180  # of a degree
    north_m = WGS84_A * (1 - e2) / root**3 * np.pi / 180
    # Heights move points along the ground track of the look, not off it: its way is read from the points as they are.
    x = (ties.lon - ties.lon[:, :1]) * east_m.mean(1, keepdims=True)
    y = (ties.lat - ties.lat[:, :1]) * north_m.mean(1, keepdims=True)
    way = np.stack([_tangent(u, v) for u, v in zip(x, y, strict=True)])
    return ties.lon - nearer * way[..., 0] / east_m, ties.lat - nearer * way[..., 1] / north_m


def _tangent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Unit vectors along a gently bent row of points, away from the first, (points, 2)."""
    chord = np.arctan2(y[-1] - y[0], x[-1] - x[0])
    along, off = x * np.cos(chord) + y * np.sin(chord), -x * np.sin(chord) + y * np.cos(chord)
    scale = max(float(np.abs(along).max()), 1.0)
    bend = np.polynomial.Polynomial.fit(along / scale, off / scale, min(3, len(x) - 1))
    turn = chord + np.arctan(bend.deriv()(along / scale))
    return np.stack([np.cos(turn), np.sin(turn)], -1)


def sea_level_grid(ties: TiePoints, law: RangeLaw | None, spacing_m: float, width: int, height: int) -> TieGrid:
    """A dense grid of the places that pixels have at sea level.

    Tie points are brought to sea level, where position is a smooth function of slant range and time (cubic splines);
    the slant range of each pixel follows from the product's own ground range polynomials, which change along azimuth
    with the terrain. Without `law`, or where it does not fit the tie points, slant range is interpolated between them.
    """
    from scipy.interpolate import CubicSpline, make_interp_spline

    lon, lat = at_sea_level(ties)
    line_s = (ties.seconds[-1] - ties.seconds[0]) / (ties.lines[-1] - ties.lines[0])
    step = max(1, int(DENSE_S / line_s))
    lines = np.unique(np.append(np.arange(0, height - 1, step), height - 1)).astype(float)
    pixels = np.unique(np.append(np.arange(0, width - 1, max(1, int(DENSE_M / spacing_m))), width - 1)).astype(float)
    degree = min(3, len(ties.lines) - 1)
    seconds = np.interp(lines, ties.lines, ties.seconds)
    knots = np.linspace(ties.slant.min(), ties.slant.max(), 4 * len(ties.pixels))
    along = [np.stack([CubicSpline(r, v)(knots) for r, v in zip(ties.slant, z, strict=True)]) for z in (lon, lat)]
    lon_knots, lat_knots = (make_interp_spline(ties.lines, z, degree)(lines) for z in along)
    if law is not None:
        fits = [law.slant(t, ties.pixels * spacing_m) - r for t, r in zip(ties.seconds, ties.slant, strict=True)]
        law = law if float(np.abs(fits).max()) < 30.0 else None  # not this product's
    if law is not None:
        slant = np.stack([law.slant(float(t), pixels * spacing_m) for t in seconds])
    else:
        near = np.stack([CubicSpline(ties.pixels, r)(pixels) for r in ties.slant])
        slant = np.stack([np.interp(lines, ties.lines, v) for v in near.T], 1)
    made = [np.stack([CubicSpline(knots, k)(r) for k, r in zip(z, slant, strict=True)]) for z in (lon_knots, lat_knots)]
    angle = np.stack([np.interp(pixels, ties.pixels, v) for v in ties.incidence])
    angle = np.stack([np.interp(lines, ties.lines, v) for v in angle.T], 1)
    return TieGrid(lines + 0.5, pixels + 0.5, made[0], made[1], angle)


# Tie points alone, brought to sea level: 3 % of the mean way that they were moved, from two mountainous scenes (23 of
# 800 m, 46 of 1,880 m), because the ground range polynomials are not in the file; incidence from the swath adds 4 %.
TIES_ALONE_SHARE = 0.05
ORBIT_M = 702_000.0  # mean height of Sentinel-1 over the ellipsoid
# Incidence at the first and last pixel, degrees (Sentinel-1 Product Definition S1-RS-MDA-52-7440, table of beams).
SWATHS = {
    "IW": (30.5, 46.2), "EW": (18.8, 47.2), "S1": (20.0, 28.1), "S2": (23.2, 31.1), "S3": (28.7, 36.1),
    "S4": (34.1, 40.8), "S5": (39.1, 45.2), "S6": (41.0, 47.0),
}  # fmt: skip


def tie_grid_of_file(points: np.ndarray, width: int, swath: str | None, path: object) -> tuple[TieGrid, float]:
    """Tie points out of a measurement file without its annotation, at sea level; and how far they moved, metres.

    `points` has rows (line, pixel, lon, lat, height). Incidence is taken from the swath, in the middle where it is not
    known.
    """
    grid = TieGrid.of_points(points[:, :4], path)
    order = np.lexsort((points[:, 1], points[:, 0]))
    height = points[order, 4].reshape(grid.lon.shape)
    if not height.any():
        return grid, 0.0
    near, far = SWATHS.get(swath or "", (35.0, 40.0))
    incidence = np.broadcast_to(near + (far - near) * grid.pixels / max(width, 1), grid.lon.shape)
    angle, radius = np.radians(incidence), 6_371_000.0 + height
    orbit = 6_371_000.0 + ORBIT_M
    slant = np.sqrt(orbit**2 - (radius * np.sin(angle)) ** 2) - radius * np.cos(angle)
    ties = TiePoints(grid.lines, grid.pixels, grid.lon, grid.lat, height, incidence, slant, grid.lines)
    lon, lat = at_sea_level(ties)
    moved = float(np.mean(np.abs(height) / np.tan(angle)))
    return TieGrid(grid.lines, grid.pixels, lon, lat, incidence), moved


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
