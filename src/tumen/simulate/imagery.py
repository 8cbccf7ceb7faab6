"""False radar scenes with known truth: clutter of four kinds, ships, whole scenes on disk.

Takes a numpy Generator and sizes; gives amplitude arrays and GeoTIFFs that are marked as simulated. For
false-alarm rates, calibration and speed; never evidence in a real case.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLUTTER = ("gamma", "k", "weibull", "lognormal")
MEAN = {"VV": 8100.0, "VH": 1600.0}  # intensity of moderate sea in the numbers of a GRD product (90 and 40 squared)


def clutter(
    rng: np.random.Generator, kind: str, shape: tuple[int, int], mean: float = 1.0, looks: float = 4.4
) -> np.ndarray:
    """Intensity of sea clutter, float32, of one of four kinds.

    gamma: speckle alone; k: gamma texture of order 4; weibull: shape 1.5; lognormal: sigma 0.6.

    >>> a = clutter(np.random.default_rng(1), "k", (400, 400), 2.0)
    >>> abs(float(a.mean()) / 2 - 1) < 0.05
    True
    """
    if kind == "gamma":
        made = rng.standard_gamma(looks, shape, np.float32) / np.float32(looks)
    elif kind == "k":
        made = rng.standard_gamma(looks, shape, np.float32) / np.float32(looks)
        made *= rng.standard_gamma(4.0, shape, np.float32) / np.float32(4)
    elif kind == "weibull":
        c = 1.5
        made = rng.standard_exponential(shape, np.float32) ** np.float32(1 / c) / np.float32(
            0.9027452929509336
        )  # gamma(1 + 1/c)
    elif kind == "lognormal":
        s = 0.6
        made = np.exp(rng.standard_normal(shape, np.float32) * np.float32(s) - np.float32(s * s / 2))
    else:
        raise ValueError(f"clutter '{kind}'; expected one of {', '.join(CLUTTER)}")
    return made * np.float32(mean)


def backdrop(shape: tuple[int, int], span_db: float = 6.0) -> np.ndarray:
    """A smooth change of the sea's brightness over an image: range fall-off and a swell front, factor on intensity."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    fall = x / max(shape[1] - 1, 1) * span_db
    front = 1.0 * np.sin(y / max(shape[0] - 1, 1) * 6)
    return (10 ** ((front - fall) / 10)).astype(np.float32)


@dataclass(frozen=True)
class TrueShip:
    """Truth of a simulated ship: centre and size in pixels, axis in radians from x."""

    x: float
    y: float
    length_px: float
    width_px: float
    angle: float
    contrast: float


def add_ship(rng: np.random.Generator, intensity: np.ndarray, ship: TrueShip, mean: float) -> None:
    """Add a ship to an intensity image in place: hull of uneven scatterers, bright ends, blurred by the resolution."""
    half = int(ship.length_px / 2 + 6)
    y0, x0 = int(ship.y) - half, int(ship.x) - half
    y1, x1 = min(intensity.shape[0], y0 + 2 * half), min(intensity.shape[1], x0 + 2 * half)
    y0, x0 = max(0, y0), max(0, x0)
    v, u = np.mgrid[y0:y1, x0:x1] + 0.5
    along = (u - ship.x) * np.cos(ship.angle) + (v - ship.y) * np.sin(ship.angle)
    across = -(u - ship.x) * np.sin(ship.angle) + (v - ship.y) * np.cos(ship.angle)
    hull = (np.abs(along) <= ship.length_px / 2) & (np.abs(across) <= max(ship.width_px, 1.2) / 2)
    power = hull * rng.standard_gamma(0.8, hull.shape)
    ends = np.abs(np.abs(along) - 0.42 * ship.length_px) < 1.2
    power = power + 3 * (hull & ends)
    from scipy.ndimage import gaussian_filter

    intensity[y0:y1, x0:x1] += (gaussian_filter(power, 0.8) * ship.contrast * mean).astype(np.float32)


def random_ship(rng: np.random.Generator, height: int, width: int) -> TrueShip:
    """A ship of a length that ships have (log-normal, median 90 m) somewhere in the image, 10 m pixels."""
    length = float(np.clip(rng.lognormal(np.log(9.0), 0.55), 2.0, 40.0))
    return TrueShip(
        x=float(rng.uniform(30, width - 30)),
        y=float(rng.uniform(30, height - 30)),
        length_px=length,
        width_px=length / 6.2,
        angle=float(rng.uniform(-np.pi / 2, np.pi / 2)),
        contrast=float(np.exp(rng.normal(2.6, 1.0))),
    )


def write_scene(
    path: Path,
    rng: np.random.Generator,
    width: int,
    height: int,
    ships: int = 60,
    compress: str | None = None,
    polarisations: tuple[str, ...] = ("VV", "VH"),
    kind: str = "gamma",
    when: dt.datetime | None = None,
    corner: tuple[float, float] | None = None,
    placed: list[TrueShip] | None = None,
) -> list[TrueShip]:
    """Write a simulated radar scene strip by strip; returns its ships: `placed`, or as many at random as `ships` says.

    `corner` is the north-west (lon, lat).

    The file carries the tag TUMEN_SIMULATED=true, which every row made from it repeats.
    """
    import rasterio
    from rasterio.windows import Window

    truth = [random_ship(rng, height, width) for _ in range(ships)] if placed is None else placed
    profile: dict = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": len(polarisations),
        "dtype": "uint16",
        "interleave": "band",
    }
    if compress:
        profile.update(compress=compress, tiled=True, blockxsize=512, blockysize=512, num_threads=2, predictor=2)
    if corner is not None:
        step = 10 / 111_195.0
        stretch = 1 / np.cos(np.radians(corner[1]))
        profile.update(crs="EPSG:4326", transform=rasterio.Affine(step * stretch, 0, corner[0], 0, -step, corner[1]))
    rows = 1024
    fall = backdrop((1, width))[0]
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path, "w", **profile) as out:
            out.update_tags(
                TUMEN_SIMULATED="true", ACQUISITION_TIME=(when or dt.datetime(2000, 1, 1, tzinfo=dt.UTC)).isoformat()
            )
            for band, pol in enumerate(polarisations, 1):
                out.set_band_description(band, pol)
            for y in range(0, height, rows):
                n = min(rows, height - y)
                for band, pol in enumerate(polarisations, 1):
                    mean = MEAN.get(pol, 4000.0)
                    strip = clutter(rng, kind, (n, width), mean) * fall
                    for ship in truth:
                        if -40 < ship.y - y < n + 40:
                            shifted = TrueShip(
                                ship.x, ship.y - y, ship.length_px, ship.width_px, ship.angle, ship.contrast
                            )
                            if 0 < shifted.y < n:
                                add_ship(rng, strip, shifted, mean)
                    out.write(np.minimum(np.sqrt(strip), 65535).astype(np.uint16), band, window=Window(0, y, width, n))
    return truth


def harbour(rng: np.random.Generator, side: int = 800, looks: float = 3.0) -> tuple[np.ndarray, list[TrueShip]]:
    """A false 8-bit picture of a harbour in high-resolution radar, and its ships.

    Land with buildings fills one side behind a crooked shore; a quay and a pier reach into the water; ships lie free,
    along the quay and abreast in pairs, 30 to 160 pixels long. Bright things are smeared along azimuth (columns)
    and saturate, as in published pictures. The picture is turned by a random multiple of 90 degrees.
    """
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    y, x = np.mgrid[0:side, 0:side].astype(float)
    shore = 0.62 * side + 25 * gaussian_filter1d(rng.standard_normal(side), 40, mode="wrap") * 8
    quay = (int(0.15 * side), int(0.6 * side))
    shore[quay[0] : quay[1]] = 0.6 * side  # a straight wall
    land = y > shore[None, :]
    pier = (np.abs(x - 0.72 * side) < 9) & (y > 0.35 * side)
    mean = np.ones((side, side))
    mean[land | pier] = 6.0
    town = gaussian_filter(rng.standard_normal((side, side)), 6)
    roofs = gaussian_filter((rng.random((side, side)) < 0.006).astype(float), 1.2)
    mean += land * (25 * (town > town.std()) + 4000 * roofs * (y > shore[None, :] + 12))
    inland = y - shore[None, :]
    mean[(inland > 0) & (inland < 4) & (rng.random((1, side)) < 0.6)] = 60  # the wall's edge
    for row in range(4):  # container stacks behind the quay
        band = (inland > 22 + 26 * row) & (inland < 34 + 26 * row) & (x > quay[0]) & (x < quay[1])
        mean[band & (np.sin(x / 23 + row) > -0.4)] = 150
    truth: list[TrueShip] = []

    def moor(cx: float, cy: float, length: float, angle: float) -> None:
        ship = TrueShip(cx, cy, length, length / float(rng.uniform(4.5, 7)), angle, float(rng.uniform(60, 250)))
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = -(x - cx) * np.sin(angle) + (y - cy) * np.cos(angle)
        hull = (np.abs(along) < ship.length_px / 2) & (np.abs(across) < ship.width_px / 2)
        spots = gaussian_filter((rng.random(hull.shape) < 0.03).astype(float), 1.0) * 12
        mean[hull] += ship.contrast * (0.4 + rng.standard_gamma(1.5, hull.sum()) / 3 + spots[hull])
        truth.append(ship)

    at = quay[0] + 20.0
    while True:  # along the quay, bow to stern
        length = float(rng.uniform(35, 110))
        if at + length > quay[1] - 10:
            break
        if rng.random() < 0.6:
            moor(at + length / 2, 0.6 * side - length / 11 - 3, length, 0.0)
        at += length + float(rng.uniform(8, 50))
    for cx, cy in ((0.12, 0.12), (0.45, 0.15), (0.85, 0.15), (0.2, 0.38), (0.52, 0.38), (0.88, 0.45)):
        if rng.random() < 0.75:
            length, angle = float(rng.uniform(30, 120)), float(rng.uniform(-np.pi / 2, np.pi / 2))
            moor(cx * side, cy * side, length, angle)
            if rng.random() < 0.4:  # a second one abreast
                off = length / 5.0 + 4
                moor(cx * side - off * np.sin(angle), cy * side + off * np.cos(angle), length * 0.8, angle)
    power = mean * rng.standard_gamma(looks, (side, side)) / looks
    power = gaussian_filter(power, 0.6)
    power += 0.02 * gaussian_filter1d(np.maximum(mean - 40, 0), 15, axis=0)
    picture = np.clip(np.sqrt(power) * 17, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 4))):
        picture = np.rot90(picture)
        truth = [
            TrueShip(t.y, side - t.x, t.length_px, t.width_px, float((t.angle) % np.pi - np.pi / 2), t.contrast)
            for t in truth
        ]
    return np.ascontiguousarray(picture), truth
