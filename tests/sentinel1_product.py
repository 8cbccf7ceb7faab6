"""Builds small Sentinel-1 GRD products with known geometry, noise and ships, for tests of reading and of placing.

The orbit is a circle over the poles past longitude 0 of the ellipsoid, the ground hilly; annotation, calibration and
noise follow the Sentinel-1 Product Specification. Everything is simulated.
"""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

A, B, LIGHT = 6_378_137.0, 6_356_752.314245, 299_792_458.0
ORBIT_M, SPEED = 7_071_000.0, 6_800.0  # from earth's centre; of the footprint, metres a second
START = dt.datetime(2025, 3, 1, 9, 30, 12, 500000, tzinfo=dt.UTC)
# Mode: name, resolution letter, pixel in range and azimuth, incidence at the first pixel, sub-swaths.
MODES = {
    "IW": ("IW", "H", 10.0, 10.0, 31.0, 3),
    "EW": ("EW", "M", 40.0, 40.0, 20.0, 5),
    "S3": ("S3", "H", 10.0, 10.0, 29.0, 1),
    "S3F": ("S3", "F", 3.5, 3.5, 29.0, 1),
}


@dataclass
class Geometry:
    """Where the sea and the ground are that a pixel sees."""

    spacing: float
    line_s: float
    first_slant: float

    def slant(self, pixel: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """Slant range of ground range: a polynomial a second, which changes from one second to the next."""
        gr = np.asarray(pixel, float) * self.spacing
        k = np.round(np.asarray(seconds, float))
        return self.first_slant + self.terms(k)[0] * gr + self.terms(k)[1] * gr**2

    @staticmethod
    def terms(k: np.ndarray) -> tuple[np.ndarray, float]:
        return 0.52 + 0.0001 * np.sin(1.7 * np.asarray(k)), 5e-7

    def place(self, pixel, line, height) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Longitude, latitude and incidence (degrees) of what a pixel sees at a height over the ellipsoid."""
        pixel, line, height = np.broadcast_arrays(*(np.asarray(v, float) for v in (pixel, line, height)))
        seconds = line * self.line_s
        u = np.radians(40.0) + SPEED * seconds / 6_371_000.0
        slant = self.slant(pixel, seconds)
        low, high = np.zeros_like(u), np.full_like(u, np.radians(12.0))
        for _ in range(60):  # the angle at earth's centre, by halving
            mid = (low + high) / 2
            x, y, z = self._point(u, mid, height)
            far = np.sqrt((ORBIT_M * np.cos(u) - x) ** 2 + y**2 + (ORBIT_M * np.sin(u) - z) ** 2) > slant
            low, high = np.where(far, low, mid), np.where(far, mid, high)
        x, y, z = self._point(u, mid, height)
        lon, lat = self._degrees(x, y, z, height)
        normal = np.stack(
            [np.cos(np.radians(lat)) * np.cos(np.radians(lon)), np.cos(np.radians(lat)) * np.sin(np.radians(lon)),
             np.sin(np.radians(lat))]
        )  # fmt: skip
        look = np.stack([ORBIT_M * np.cos(u) - x, -y, ORBIT_M * np.sin(u) - z]) / slant
        return lon, lat, np.degrees(np.arccos(np.clip((normal * look).sum(0), -1, 1)))

    @staticmethod
    def _point(u, turn, height):
        """Right of the track by `turn`, where the height over the ellipsoid is `height`."""
        dx, dy, dz = np.cos(turn) * np.cos(u), np.sin(turn), np.cos(turn) * np.sin(u)
        r = 1 / np.sqrt((dx**2 + dy**2) / (A + height) ** 2 + dz**2 / (B + height) ** 2)
        return r * dx, r * dy, r * dz

    @staticmethod
    def _degrees(x, y, z, height):
        """Geodetic degrees of a point on the ellipsoid grown by `height`."""
        return np.degrees(np.arctan2(y, x)), np.degrees(
            np.arctan2(z * (A + height) ** 2, np.hypot(x, y) * (B + height) ** 2)
        )


def build(
    folder: Path,
    mode: str = "IW",
    unit: str = "S1A",
    pols: tuple[str, ...] = ("VV", "VH"),
    size: tuple[int, int] = (1200, 900),
    images: dict[str, np.ndarray] | None = None,
    layout: str = "esa",
    blocks: bool = True,
    hills_m: float = 1200.0,
    noise_step_db: float = 0.0,
    noise_level: float = 200.0,
    start: dt.datetime = START,
) -> tuple[Path, Geometry]:
    """Write a product; `layout` is "esa", "cog" (Copernicus COG product) or "aws" (names of the public archives).

    Noise rises by `noise_step_db` from one sub-swath to the next and back.
    """
    beam, letter, spacing, azimuth, near, swaths = MODES[mode]
    width, height = size
    geometry = Geometry(spacing, azimuth / SPEED, _slant_of(near))
    stamp = f"{start:%Y%m%dT%H%M%S}"
    dual = {("VV",): "SV", ("HH",): "SH", ("VV", "VH"): "DV", ("HH", "HV"): "DH"}[pols]
    name = f"{unit}_{beam}_GRD{letter}_1S{dual}_{stamp}_20250301T093037_058000_072ABC_1234"
    root = folder / (name + {"esa": ".SAFE", "cog": "_COG.SAFE", "aws": ""}[layout])
    (root / "annotation" / "calibration").mkdir(parents=True)
    (root / "measurement").mkdir()
    if layout != "aws":
        (root / "manifest.safe").write_text("<xfdu/>")
    rng = np.random.default_rng(5)
    for number, pol in enumerate(pols, 1):
        stem = f"{unit}-{beam}-grd-{pol}-{stamp}-20250301t093037-058000-072abc-{number:03}".lower()
        stem = {"esa": stem, "cog": stem + "-cog", "aws": f"{beam}-{pol}".lower()}[layout]
        mark = stem.removesuffix("-cog")
        (root / "annotation" / f"{mark}.xml").write_text(_annotation(geometry, mode, unit, pol, size, hills_m, start))
        (root / "annotation" / "calibration" / f"noise-{mark}.xml").write_text(
            _noise(size, swaths, blocks, noise_step_db, noise_level)
        )
        (root / "annotation" / "calibration" / f"calibration-{mark}.xml").write_text(_calibration(size))
        data = None if images is None else images[pol]
        if data is None:
            data = np.sqrt(rng.gamma(4.4, 8000 / 4.4, (height, width))).astype(np.uint16)
        _raster(root / "measurement" / f"{stem}.tiff", data)
    return root, geometry


def _slant_of(incidence: float) -> float:
    angle, radius = np.radians(incidence), 6_369_000.0
    return float(np.sqrt(ORBIT_M**2 - (radius * np.sin(angle)) ** 2) - radius * np.cos(angle))


def _raster(path: Path, data: np.ndarray) -> None:
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path, "w", driver="GTiff", width=data.shape[1], height=data.shape[0], count=1, dtype="uint16"
        ) as out:
            out.write(data, 1)


def _when(seconds: float, start: dt.datetime = START) -> str:
    return (start + dt.timedelta(seconds=float(seconds))).replace(tzinfo=None).isoformat(timespec="microseconds")


def hills(lines: np.ndarray, pixels: np.ndarray, top_m: float) -> np.ndarray:
    """Height of the ground at tie points: rough from one to the next."""
    return top_m * np.random.default_rng(9).random((len(lines), len(pixels)))


def tie_lines(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    width, height = size
    return np.linspace(0, height - 1, 6).round(), np.linspace(0, width - 1, 11).round()


def _annotation(
    g: Geometry, mode: str, unit: str, pol: str, size: tuple[int, int], hills_m: float, start: dt.datetime
) -> str:
    beam, _, spacing, azimuth, near, _ = MODES[mode]
    width, height = size
    lines, pixels = tie_lines(size)
    tops = hills(lines, pixels, hills_m)
    lon, lat, inc = g.place(pixels[None], lines[:, None], tops)
    points = "".join(
        f"<geolocationGridPoint><azimuthTime>{_when(line * g.line_s, start)}</azimuthTime>"
        f"<slantRangeTime>{2 * float(g.slant(pixel, line * g.line_s)) / LIGHT:.15e}</slantRangeTime>"
        f"<line>{int(line)}</line><pixel>{int(pixel)}</pixel><latitude>{lat[i, j]:.12f}</latitude>"
        f"<longitude>{lon[i, j]:.12f}</longitude><height>{tops[i, j]:.6f}</height>"
        f"<incidenceAngle>{inc[i, j]:.9f}</incidenceAngle><elevationAngle>{near - 3:.6f}</elevationAngle>"
        "</geolocationGridPoint>"
        for i, line in enumerate(lines)
        for j, pixel in enumerate(pixels)
    )
    last = int(np.ceil(height * g.line_s)) + 2
    laws = "".join(
        f"<coordinateConversion><azimuthTime>{_when(k, start)}</azimuthTime><sr0>{g.first_slant}</sr0><gr0>0.0</gr0>"
        f'<grsrCoefficients count="3">{g.first_slant:.12e} {float(g.terms(k)[0]):.12e} {g.terms(k)[1]:.12e}'
        "</grsrCoefficients></coordinateConversion>"
        for k in range(-2, last)
    )
    return (
        f"<product><adsHeader><missionId>{unit}</missionId><productType>GRD</productType>"
        f"<polarisation>{pol}</polarisation><mode>{'SM' if beam[0] == 'S' else beam}</mode><swath>{beam}</swath>"
        f"<startTime>{_when(0, start)}</startTime><stopTime>{_when(height * g.line_s, start)}</stopTime></adsHeader>"
        "<generalAnnotation><productInformation><pass>Ascending</pass><radarFrequency>5.405000454334350e+09"
        "</radarFrequency></productInformation><downlinkInformationList><downlinkInformation><prf>1685.0</prf>"
        "</downlinkInformation></downlinkInformationList></generalAnnotation><imageAnnotation><imageInformation>"
        f"<rangePixelSpacing>{spacing:.6e}</rangePixelSpacing><azimuthPixelSpacing>{azimuth:.6e}</azimuthPixelSpacing>"
        f"<azimuthTimeInterval>{g.line_s:.12e}</azimuthTimeInterval><numberOfSamples>{width}</numberOfSamples>"
        f"<numberOfLines>{height}</numberOfLines><incidenceAngleMidSwath>{near + 3}</incidenceAngleMidSwath>"
        f"</imageInformation></imageAnnotation><coordinateConversion><coordinateConversionList>{laws}"
        f"</coordinateConversionList></coordinateConversion><geolocationGrid><geolocationGridPointList>{points}"
        "</geolocationGridPointList></geolocationGrid></product>"
    )


def noise_profile(width: int, swaths: int, step_db: float, level: float) -> np.ndarray:
    """Noise by pixel: every second sub-swath is louder."""
    edge = np.minimum(np.arange(width) * swaths // width, swaths - 1)
    return level * 10 ** (step_db / 10 * (edge % 2))


def _noise(size: tuple[int, int], swaths: int, blocks: bool, step_db: float, level: float) -> str:
    width, height = size
    profile = noise_profile(width, swaths, step_db, level)
    at = np.unique(
        np.concatenate(
            [np.arange(0, width, 40), *[[e - 1, e] for e in width * np.arange(1, swaths) // swaths], [width - 1]]
        )
    ).astype(int)
    kind, lut = ("noiseRangeVector", "noiseRangeLut") if blocks else ("noiseVector", "noiseLut")
    rows = "".join(
        f'<{kind}><azimuthTime>{_when(0)}</azimuthTime><line>{line}</line><pixel count="{len(at)}">'
        f'{" ".join(map(str, at))}</pixel><{lut} count="{len(at)}">{" ".join(f"{v:.6e}" for v in profile[at])}</{lut}></{kind}>'
        for line in (0, height - 1)
    )
    made = f"<{kind}List>{rows}</{kind}List>"
    if blocks:
        lines = np.unique([*range(0, height, 10), height - 1])
        made += (
            "<noiseAzimuthVectorList>"
            + "".join(
                f"<noiseAzimuthVector><swath>X{k + 1}</swath><firstAzimuthLine>0</firstAzimuthLine>"
                f"<firstRangeSample>{width * k // swaths}</firstRangeSample><lastAzimuthLine>{height - 1}</lastAzimuthLine>"
                f"<lastRangeSample>{width * (k + 1) // swaths - 1}</lastRangeSample>"
                f'<line count="{len(lines)}">{" ".join(map(str, lines))}</line><noiseAzimuthLut count="{len(lines)}">'
                f"{' '.join('1.000000e+00' for _ in lines)}</noiseAzimuthLut></noiseAzimuthVector>"
                for k in range(swaths)
            )
            + "</noiseAzimuthVectorList>"
        )
    return f"<noise>{made}</noise>"


def _calibration(size: tuple[int, int]) -> str:
    width, height = size
    at = " ".join(map(str, range(0, width, 40)))
    values = " ".join("4.700000e+02" for _ in range(0, width, 40))
    rows = "".join(
        f"<calibrationVector><line>{line}</line><pixel>{at}</pixel><sigmaNought>{values}</sigmaNought></calibrationVector>"
        for line in (0, height - 1)
    )
    return f"<calibration><calibrationVectorList>{rows}</calibrationVectorList></calibration>"
