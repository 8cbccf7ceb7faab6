"""False scenes with known truth: radar clutter of four kinds, ships, whole scenes on disk; optical ports.

Takes a numpy Generator and sizes; gives amplitude arrays and rasters that are marked as simulated. For
false-alarm rates, calibration and speed; never evidence in a real case.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
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
    return quarter_turns(picture, truth, int(rng.integers(0, 4)))


def quarter_turns(picture: np.ndarray, ships: list[TrueShip], turns: int) -> tuple[np.ndarray, list[TrueShip]]:
    """A square picture and its true ships turned `turns` quarters against the clock; ships in pixels, axes in radians.

    >>> picture, (ship,) = quarter_turns(np.zeros((100, 100)), [TrueShip(90.0, 50.0, 20.0, 4.0, 0.0, 9.0)], 1)
    >>> ship.x, ship.y, round(ship.angle, 2)
    (50.0, 10.0, -1.57)
    """
    side = picture.shape[1]
    for _ in range(turns):
        ships = [
            TrueShip(t.y, side - t.x, t.length_px, t.width_px, float(t.angle % np.pi - np.pi / 2), t.contrast)
            for t in ships
        ]
    return np.ascontiguousarray(np.rot90(picture, turns)), ships


# Reflectances of B02 B03 B04 B08 B11 over ground that a port is made of: plain values of spectral libraries, rounded.
REFLECTANCE = {
    "water": (0.045, 0.045, 0.03, 0.015, 0.007),
    "concrete": (0.17, 0.19, 0.21, 0.25, 0.29),
    "asphalt": (0.08, 0.09, 0.1, 0.13, 0.17),
    "roof": (0.38, 0.4, 0.42, 0.45, 0.4),
    "steel": (0.12, 0.12, 0.13, 0.17, 0.2),
}
BOX_COLOURS = (
    (0.06, 0.07, 0.24, 0.3, 0.31), (0.17, 0.13, 0.08, 0.2, 0.24), (0.07, 0.14, 0.09, 0.27, 0.24),
    (0.08, 0.14, 0.38, 0.42, 0.4), (0.42, 0.43, 0.44, 0.46, 0.42), (0.1, 0.1, 0.12, 0.15, 0.18),
)  # fmt: skip


@dataclass(frozen=True)
class TrueHull:
    """A ship of a simulated port, metres along the quay and seaward of it, axis in radians from the quay."""

    along_m: float
    off_m: float
    length_m: float
    angle: float = 0.0


@dataclass(frozen=True)
class TrueStack:
    """Rows of containers of a simulated port: centre along the quay and inland of it, metres."""

    along_m: float
    inland_m: float
    length_m: float
    width_m: float
    tiers: int = 1

    @property
    def boxes(self) -> int:
        """Twenty-foot boxes in it: lanes of 0.6 m between rows."""
        return int(self.length_m / 6.3) * int(self.width_m / 2.9) * self.tiers


BERTH, YARD = (-140.0, 140.0, -42.0, -2.0), (-140.0, 140.0, 14.0, 74.0)  # along from, to; inland from, to; metres


def port_areas(corner: tuple[float, float], size_m: tuple[float, float] = (1600.0, 1200.0)) -> dict[str, list]:
    """Rings (lon, lat) of the berth and the yard of the simulated port whose north-west corner is `corner`."""
    from pyproj import Transformer

    east, north, back = _utm(corner)
    to = Transformer.from_crs(back, 4326, always_xy=True)
    out = {}
    for name, (a, b, c, d) in (("berth", BERTH), ("yard", YARD)):
        ring = []
        for along, inland in ((a, c), (b, c), (b, d), (a, d), (a, c)):
            x, y = _from_quay(along, inland, size_m)
            ring.append(tuple(float(v) for v in to.transform(east + x, north - y)))
        out[name] = ring
    return out


QUAY_TURN = 0.3  # radians between the quay and the picture's rows


def _from_quay(along: float, inland: float, size_m: tuple[float, float]) -> tuple[float, float]:
    c, s = np.cos(QUAY_TURN), np.sin(QUAY_TURN)
    return size_m[0] / 2 + along * c - inland * s, size_m[1] / 2 + along * s + inland * c


def _utm(corner: tuple[float, float]) -> tuple[float, float, int]:
    from pyproj import Transformer

    zone = int((corner[0] + 180) // 6) + 1
    code = (32600 if corner[1] >= 0 else 32700) + zone
    east, north = Transformer.from_crs(4326, code, always_xy=True).transform(*corner)
    return round(east / 10) * 10.0, round(north / 10) * 10.0, code


def write_port(
    path: Path,
    rng: np.random.Generator,
    *,
    ships: Sequence[TrueHull] = (),
    stacks: Sequence[TrueStack] = (),
    pixel_m: float = 10.0,
    when: dt.datetime | None = None,
    corner: tuple[float, float] | None = (130.3, 42.25),
    bands: tuple[str, ...] = ("B02", "B03", "B04", "B08", "B11"),
    cloud: bool = False,
    picture: bool = False,
    place: int = 1,
    size_m: tuple[float, float] = (1600.0, 1200.0),
) -> None:
    """Write a simulated optical port: water, a quay with sheds and cranes, ships, stacks of boxes with their shadows.

    `place` settles the ground, which is the same on every date; `rng` the date: light, haze, sensor noise, a shift
    of up to half a pixel. `corner` None writes no georeference; `picture` writes 8-bit red, green, blue without band
    names; `cloud` covers everything. The file carries TUMEN_SIMULATED=true.
    """
    import rasterio
    from scipy.ndimage import gaussian_filter

    fine = pixel_m / max(1, round(pixel_m / 2.0))
    factor = round(pixel_m / fine)
    wide, high = int(size_m[0] / pixel_m) * factor, int(size_m[1] / pixel_m) * factor
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    moved = rng.uniform(-0.4, 0.4, 2) * pixel_m
    x, y = (x + 0.5) * fine + moved[0] - size_m[0] / 2, (y + 0.5) * fine + moved[1] - size_m[1] / 2
    c, s = np.float32(np.cos(QUAY_TURN)), np.float32(np.sin(QUAY_TURN))
    along, inland = x * c + y * s, -x * s + y * c
    ground = np.random.default_rng(place)
    colours = {k: np.array(v, np.float32) for k, v in REFLECTANCE.items()}
    view = np.empty((5, high, wide), np.float32)
    view[:] = colours["water"][:, None, None]
    land = inland > 0
    view[:, land] = colours["concrete"][:, None]
    view[:, inland > 130] = colours["asphalt"][:, None]
    for _ in range(26):  # sheds and small buildings that never leave
        a, b = ground.uniform(-700, 700), ground.uniform(95, 420)
        length, width = ground.uniform(12, 90), ground.uniform(8, 30)
        view[:, (np.abs(along - a) < length / 2) & (np.abs(inland - b) < width / 2)] = (
            colours["roof"] * ground.uniform(0.5, 1.1)
        )[:, None]
    for a in (-90.0, 60.0):  # cranes on the quay's edge
        view[:, (np.abs(along - a) < 5) & (np.abs(inland - 5) < 5)] = colours["steel"][:, None]
        view[:, (np.abs(along - a) < 1.5) & (np.abs(inland + 12) < 14)] = colours["steel"][:, None]
    spots = gaussian_filter(ground.standard_normal((high, wide)).astype(np.float32), 12.0 / fine)
    view[:, land] *= 1 + 0.08 * (spots / spots.std())[land]
    shade = 2.59 / np.tan(np.radians(45.0))
    for stack in stacks:
        u, v = along - stack.along_m, inland - stack.inland_m
        body = (np.abs(u) <= stack.length_m / 2) & (np.abs(v) <= stack.width_m / 2)
        fall = shade * stack.tiers
        cast = (np.abs(u - fall * s / 2) <= stack.length_m / 2) & (v < 0) & (-v < stack.width_m / 2 + fall * c)
        view[:, cast & ~body & land] *= 0.42
        row, place_ = np.floor((v + stack.width_m / 2) / 2.9), np.floor((u + stack.length_m / 2) / 6.3)
        rows, columns = int(stack.width_m / 2.9) + 1, int(stack.length_m / 6.3) + 1
        kinds = rng.integers(len(BOX_COLOURS), size=(rows, columns))
        paint = np.array(BOX_COLOURS, np.float32)[kinds] * rng.uniform(0.8, 1.2, (rows, columns, 1))
        view[:, body] = paint[
            np.clip(row[body].astype(int), 0, rows - 1), np.clip(place_[body].astype(int), 0, columns - 1)
        ].T
    for ship in ships:
        u0, v0 = along - ship.along_m, inland + ship.off_m
        ca, sa = np.cos(ship.angle), np.sin(ship.angle)
        u, v = u0 * ca + v0 * sa, -u0 * sa + v0 * ca
        beam = np.clip(ship.length_m / 6.5, 6, 45)
        bow = np.clip((ship.length_m / 2 - u) / beam, 0, 1) ** 0.6
        hull = (np.abs(u) <= ship.length_m / 2) & (np.abs(v) <= beam / 2 * bow)
        deck = np.array(BOX_COLOURS[int(rng.integers(len(BOX_COLOURS)))], np.float32) * rng.uniform(0.8, 1.2)
        view[:, hull] = deck[:, None]
        view[:, hull & (np.abs(u + 0.36 * ship.length_m) < max(6, 0.05 * ship.length_m))] = 0.45
        view[:, hull & (np.abs(np.sin(u * np.pi / 14)) < 0.25)] *= 0.6
    if cloud:
        veil = gaussian_filter(rng.standard_normal((high, wide)).astype(np.float32), 60 / fine)
        view[:] = (0.55 + 0.06 * veil / veil.std()).clip(0.42)
    view = view.reshape(5, high // factor, factor, wide // factor, factor).mean((2, 4))
    view = gaussian_filter(view, (0, 0.45, 0.45))
    gain, haze = rng.uniform(0.88, 1.12), rng.uniform(0.0, 0.012)
    view = view * gain * rng.uniform(0.97, 1.03, (5, 1, 1)) + haze * np.array([1, 0.7, 0.5, 0.2, 0.1])[:, None, None]
    view = view * (1 + rng.normal(0, 0.02, view.shape)) + rng.normal(0, 0.0015, view.shape)
    order = ("B02", "B03", "B04", "B08", "B11")
    chosen = ("B04", "B03", "B02") if picture else bands
    data = np.stack([view[order.index(b)] for b in chosen])
    if picture:
        data = (np.clip(data / 0.4, 0, 1) ** 0.8 * 255).astype(np.uint8)
    else:
        data = np.clip(data * 10_000, 1, 65_535).astype(np.uint16)
    profile: dict = {"width": data.shape[2], "height": data.shape[1], "count": len(chosen), "dtype": data.dtype}
    suffix = path.suffix.lower()
    profile["driver"] = {".png": "PNG", ".jp2": "JP2OpenJPEG"}.get(suffix, "GTiff")
    if profile["driver"] == "JP2OpenJPEG":
        profile.update(QUALITY="100", REVERSIBLE="YES")
    if corner is not None:
        east, north, code = _utm(corner)
        profile.update(crs=f"EPSG:{code}", transform=rasterio.Affine(pixel_m, 0, east, 0, -pixel_m, north))
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path, "w", **profile) as out:
            out.update_tags(
                TUMEN_SIMULATED="true", ACQUISITION_TIME=(when or dt.datetime(2000, 1, 1, tzinfo=dt.UTC)).isoformat()
            )
            out.write(data)
            if not picture:
                for i, name in enumerate(chosen, 1):
                    out.set_band_description(i, name)
