"""SAFE products as ESA ships them: Sentinel-1 GRD and Sentinel-2 L1C/L2A, folder or zip.

Takes the product; gives a `Scene` with tie-point grid or tile geocoding, calibration and noise.
Element names after the Sentinel-1 Product Specification (S1-RS-MDA-52-7441) and the Sentinel-2
Products Specification Document (S2-PDGS-TAS-DI-PSD).
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

import numpy as np

from tumen.imagery.faults import SceneFault
from tumen.imagery.geolocation import (
    SENTINEL1_SD_M,
    SENTINEL2_SD_M,
    AffineMap,
    RangeLaw,
    TieGrid,
    TiePoints,
    pixel_size_m,
    sea_level_grid,
)
from tumen.imagery.scene import OPTICAL, Band, Scene, check_size, open_raster

# A GRD product unpacks to about 2 GB, a stripmap one to 4; XML and JP2 shrink to a fifth at best.
MAX_UNPACKED_BYTES = 20_000_000_000
MAX_RATIO = 200
MAX_XML_BYTES = 50_000_000


@dataclass(frozen=True)
class Product:
    """Files of a SAFE product, in a folder or a zip, by their path inside the product."""

    path: Path
    root: str
    names: tuple[str, ...]
    zipped: bool

    @classmethod
    def open(cls, path: Path) -> Product:
        """List the product; refuses zip bombs and names that climb out of the archive."""
        if path.is_dir():
            names = tuple(sorted(str(p.relative_to(path)).replace("\\", "/") for p in path.rglob("*") if p.is_file()))
            return cls(path, "", names, False)
        try:
            with zipfile.ZipFile(path) as archive:
                infos = [i for i in archive.infolist() if not i.is_dir()]
        except (zipfile.BadZipFile, OSError) as error:
            raise SceneFault(path, f"a damaged zip ({error})", "a zipped SAFE product") from None
        size, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
        if size > MAX_UNPACKED_BYTES or size > MAX_RATIO * max(packed, 1) + 100_000_000:
            raise SceneFault(
                path,
                f"a zip that unpacks to {size / 1e9:.1f} GB from {packed / 1e6:.1f} MB",
                f"a SAFE product: at most {MAX_UNPACKED_BYTES / 1e9:.0f} GB, and at most {MAX_RATIO} times its zip",
            )
        if any(i.filename.startswith("/") or ".." in i.filename.split("/") for i in infos):
            raise SceneFault(path, "a zip with names outside itself", "a zipped SAFE product")
        manifest = min(
            (i.filename for i in infos if i.filename.endswith("manifest.safe")), key=len, default="manifest.safe"
        )
        root = manifest[: -len("manifest.safe")]
        names = tuple(sorted(i.filename[len(root) :] for i in infos if i.filename.startswith(root)))
        return cls(path, root, names, True)

    def raster(self, name: str) -> str:
        """Path of a member that GDAL can open."""
        if self.zipped:
            return f"/vsizip/{{{self.path.resolve()}}}/{self.root}{name}"
        return str(self.path / name)

    def xml(self, name: str) -> ElementTree.Element:
        """Parsed member."""
        try:
            if self.zipped:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.root + name) as file:
                    return _parse(file, self.path, name)
            with open(self.path / name, "rb") as file:
                return _parse(file, self.path, name)
        except (ElementTree.ParseError, zipfile.BadZipFile, OSError, EOFError) as error:
            raise SceneFault(self.path, f"{name} cannot be read ({error})", "whole XML") from None

    def find(self, pattern: str) -> list[str]:
        """Members whose path matches a regular expression, case ignored."""
        return [n for n in self.names if re.search(pattern, n, re.IGNORECASE)]


def _parse(file: IO[bytes], path: Path, name: str) -> ElementTree.Element:
    text = file.read(MAX_XML_BYTES + 1)
    if len(text) > MAX_XML_BYTES:
        raise SceneFault(path, f"{name} is larger than {MAX_XML_BYTES // 1_000_000} MB", "an annotation")
    if b"<!ENTITY" in text:
        raise SceneFault(path, f"{name} declares entities", "plain XML")
    return ElementTree.fromstring(text)


def is_safe(path: Path) -> bool:
    """Whether the path is a SAFE folder or a zip (a zip that is no SAFE is refused later, by name)."""
    if path.is_dir():
        whole = (path / "annotation").is_dir() and (path / "measurement").is_dir()  # archives leave the manifest out
        return whole or (path / "manifest.safe").exists() or path.name.upper().endswith(".SAFE")
    return path.suffix.lower() == ".zip"


def open_safe(path: Path) -> Scene:
    """Describe a SAFE product. Raises `SceneFault`."""
    product = Product.open(path)
    if product.find(r"MTD_MSIL[12][AC]\.xml$"):
        return _sentinel2(product)
    if product.find(MARKS) or product.find(r"measurement/.*\.tiff?$"):
        return _sentinel1(product)
    raise SceneFault(
        path, "no Sentinel-1 annotation and no Sentinel-2 metadata", "a Sentinel-1 GRD or Sentinel-2 SAFE product"
    )


# ------------------------------------------------------------------ Sentinel-1


@dataclass(frozen=True)
class Annotation:
    """What the detector uses of a GRD annotation: noise floor and calibration by polarisation."""

    incidence_mid_deg: float
    looks: float
    noise: dict[str, Noise]
    sigma: dict[str, Vectors]
    azimuth_ambiguity_px: float | None
    right_looking: bool = True


@dataclass(frozen=True)
class Vectors:
    """Rows of a look-up table at given lines and pixels, bilinear in between."""

    lines: np.ndarray
    pixels: np.ndarray
    values: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Values on the grid of rows `y` and columns `x`."""
        rows = np.array([np.interp(x, self.pixels, v) for v in self.values])
        out = np.empty((len(y), len(x)))
        for j in range(len(x)):
            out[:, j] = np.interp(y, self.lines, rows[:, j])
        return out

    def points(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Values at single places."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        i = np.clip(np.searchsorted(self.lines, y) - 1, 0, max(len(self.lines) - 2, 0))
        low = np.empty(len(x))
        high = np.empty(len(x))
        for k in np.unique(i):
            mine = i == k
            low[mine] = np.interp(x[mine], self.pixels, self.values[k])
            high[mine] = np.interp(x[mine], self.pixels, self.values[min(k + 1, len(self.values) - 1)])
        after = self.lines[np.minimum(i + 1, len(self.lines) - 1)]
        gap = np.maximum(after - self.lines[i], 1e-9)
        return low + (high - low) * np.clip((y - self.lines[i]) / gap, 0, 1)


@dataclass(frozen=True)
class Block:
    """How thermal noise varies along azimuth in one part of an image (processors since March 2018)."""

    lines: tuple[int, int]  # first and last
    pixels: tuple[int, int]
    at: np.ndarray
    factor: np.ndarray


@dataclass(frozen=True)
class Noise:
    """Thermal noise in the numbers of the product squared: a range profile, times azimuth blocks where there are any."""

    range: Vectors
    blocks: tuple[Block, ...] = ()

    def points(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Noise at single places."""
        out = self.range.points(x, y)
        for b in self.blocks:
            inside = (y >= b.lines[0]) & (y < b.lines[1] + 1) & (x >= b.pixels[0]) & (x < b.pixels[1] + 1)
            if inside.any():
                out[inside] *= np.interp(y[inside], b.at, b.factor)
        return out


# Equivalent number of looks of GRD products (Sentinel-1 Product Definition S1-RS-MDA-52-7440).
LOOKS = {
    "IW_GRDH": 4.4,
    "IW_GRDM": 81.8,
    "EW_GRDH": 2.8,
    "EW_GRDM": 10.7,
    "S_GRDF": 3.7,
    "S_GRDH": 29.7,
    "S_GRDM": 398.4,
}
SPEED_OF_LIGHT_M_S = 299_792_458.0
# As ESA names it (s1a-iw-grd-vv-...-001.xml, with -cog in the Copernicus archive's COG products), and as the archives
# at Amazon and in the Planetary Computer do (iw-vv.xml, one polarisation each).
MARKS = r"^annotation/(s1[^/]*|(iw|ew|s[1-6])-(vv|vh|hh|hv))\.xml$"


def _sentinel1(product: Product) -> Scene:
    path = product.path
    marks = product.find(MARKS)
    tiffs = product.find(r"^measurement/.*\.tiff?$")
    if not marks:
        raise SceneFault(path, "annotation is missing", "annotation/s1*-grd-*.xml")
    if not tiffs:
        raise SceneFault(path, "measurement is missing", "measurement/*.tiff")
    bands: dict[str, Band] = {}
    noise: dict[str, Noise] = {}
    sigma: dict[str, Vectors] = {}
    notes: list[str] = []
    head: ElementTree.Element | None = None
    size: tuple[int, int] | None = None
    for mark in marks:
        root = product.xml(mark)
        pol = (_text(root, "adsHeader/polarisation", path, mark)).upper()
        if _text(root, "adsHeader/productType", path, mark) != "GRD":
            raise SceneFault(path, f"a {_text(root, 'adsHeader/productType', path, mark)} product", "a GRD product")
        stem = Path(mark).stem.lower()
        named = re.search(r"-(vv|vh|hh|hv)(-|$)", stem)
        if named and named[1].upper() != pol:
            raise SceneFault(
                path,
                f"{mark} is named {named[1].upper()} but says {pol}: polarisations are swapped",
                "names and annotation that agree",
            )
        tiff = [t for t in tiffs if Path(t).stem.lower() == stem] or [
            t for t in tiffs if re.search(rf"-{pol.lower()}(-|\.)", Path(t).name.lower())
        ]
        if not tiff:
            notes.append(f"{pol} has an annotation but no measurement: left out")
            continue
        try:
            data = open_raster(product.raster(tiff[0]))
        except SceneFault as fault:
            notes.append(f"{pol} could not be opened ({fault.wrong}): left out")
            continue
        check_size(str(path), data)
        said = (int(_text(root, ".//numberOfSamples", path, mark)), int(_text(root, ".//numberOfLines", path, mark)))
        if (data.width, data.height) != said:
            raise SceneFault(
                path,
                f"{tiff[0]} has {data.width} x {data.height} pixels",
                f"{said[0]} x {said[1]}, as the annotation says",
            )
        data.close()
        bands[pol], size, head = Band(product.raster(tiff[0])), said, head if head is not None else root
        _lookups(product, stem, pol, noise, sigma, notes)
    if head is None or size is None:
        raise SceneFault(
            path,
            "no measurement could be opened" + (f" ({'; '.join(notes)})" if notes else ""),
            "GeoTIFFs under measurement/",
        )
    start, end = (_utc(_text(head, f"adsHeader/{k}", path, marks[0])) for k in ("startTime", "stopTime"))
    spacing = [float(_text(head, f".//{k}", path, marks[0])) for k in ("rangePixelSpacing", "azimuthPixelSpacing")]
    grid = _tie_grid(head, path, size, spacing[0])
    mode = _text(head, "adsHeader/mode", path, marks[0])
    kind = f"{'S' if mode.startswith('S') else mode}_GRD{_resolution(path.name, mode, spacing[0])}"
    incidence = float(_text(head, ".//incidenceAngleMidSwath", path, marks[0]))
    return Scene(
        scene_id=re.sub(r"\.(SAFE|zip)$", "", re.sub(r"\.zip$", "", path.name, flags=re.I), flags=re.I),
        path=str(path),
        kind="sar",
        sensor="Sentinel-1",
        mode=kind.replace("_", " "),
        bands=bands,
        width=size[0],
        height=size[1],
        geo=grid,
        pixel_m=(spacing[0], spacing[1]),
        accuracy_m=SENTINEL1_SD_M,
        start=start,
        end=end,
        nodata=0,
        notes=tuple(notes),
        annotation=Annotation(
            incidence, LOOKS.get(kind, 4.4), noise, sigma, _ambiguity_px(head, spacing[1], incidence)
        ),
    )


def _resolution(name: str, mode: str, spacing_m: float) -> str:
    """F, H or M, from the product's name or, where it was renamed, the pixel spacing of its mode."""
    named = re.search(r"_GRD([FHM])_", name.upper())
    if named:
        return named[1]
    if mode.startswith("S"):
        return "F" if spacing_m < 6 else "H" if spacing_m < 25 else "M"
    return "H" if spacing_m < 32 else "M"


def _text(root: ElementTree.Element, where: str, path: Path, file: str) -> str:
    found = root.findtext(where if where.startswith(".") else f"./{where}")
    if found is None or not found.strip():
        raise SceneFault(path, f"{file} has no {where.lstrip('./')}", "a Sentinel-1 annotation")
    return found.strip()


def _utc(text: str) -> dt.datetime:
    made = dt.datetime.fromisoformat(text.rstrip("Z"))
    return made.replace(tzinfo=dt.UTC)


def _tie_grid(root: ElementTree.Element, path: Path, size: tuple[int, int], spacing_m: float) -> TieGrid:
    """Places at sea level; the bare tie points where the annotation does not tell their height and range."""
    plain, ties, epoch = tie_points(root, path)
    if ties is None or epoch is None:
        return plain
    return sea_level_grid(ties, range_law(root, epoch), spacing_m, *size)


def tie_points(root: ElementTree.Element, path: Path) -> tuple[TieGrid, TiePoints | None, dt.datetime | None]:
    """Tie points of an annotation as they stand, with height and range where it tells them, and their first time."""
    keys = ("line", "pixel", "longitude", "latitude", "incidenceAngle", "height", "slantRangeTime")
    try:
        points = list(root.iter("geolocationGridPoint"))
        rows = np.array([[float(p.findtext(k) or "nan") for k in keys] for p in points])
    except ValueError as error:
        raise SceneFault(path, f"a tie point that is no number ({error})", "degrees") from None
    if not len(rows):
        raise SceneFault(path, "annotation has no tie points", "geolocationGridPoint entries")
    plain = TieGrid.of_points(rows[:, :5], path)
    if not np.isfinite(rows).all():
        return plain, None, None
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    shape = plain.lon.shape
    grid = rows[order].reshape(*shape, len(keys))
    try:
        times = [_utc(points[k].findtext("azimuthTime") or "") for k in order.reshape(shape)[:, 0]]
    except ValueError:
        return plain, None, None
    ties = TiePoints(
        lines=grid[:, 0, 0],
        pixels=grid[0, :, 1],
        lon=plain.lon,
        lat=grid[..., 3],
        height=grid[..., 5],
        incidence=grid[..., 4],
        slant=grid[..., 6] * SPEED_OF_LIGHT_M_S / 2,
        seconds=np.array([(t - times[0]).total_seconds() for t in times]),
    )
    rising = np.all(np.diff(ties.slant, axis=1) > 0) and np.all(np.diff(ties.seconds) > 0)
    return (plain, ties, times[0]) if rising and len(ties.pixels) >= 4 else (plain, None, None)


def range_law(root: ElementTree.Element, epoch: dt.datetime) -> RangeLaw | None:
    """The ground range polynomials of a GRD annotation, or None where they are missing or uneven."""
    made = []
    for entry in root.findall(".//coordinateConversionList/coordinateConversion"):
        try:
            terms = [float(v) for v in (entry.findtext("grsrCoefficients") or "").split()]
            at = (_utc(entry.findtext("azimuthTime") or "") - epoch).total_seconds()
            made.append((at, float(entry.findtext("gr0") or "nan"), terms))
        except ValueError:
            return None
    made.sort(key=lambda m: m[0])
    if not made or not made[0][2] or len({len(m[2]) for m in made}) > 1:
        return None
    return RangeLaw(np.array([m[0] for m in made]), np.array([m[1] for m in made]), np.array([m[2] for m in made]))


def _ambiguity_px(root: ElementTree.Element, spacing_m: float, incidence_deg: float) -> float | None:
    """Azimuth displacement of the first ambiguity, pixels: wavelength x slant range x PRF / (2 x speed).

    Cumming and Wong 2005, section 4.7; the ground speed of the footprint from line time and spacing.
    """
    prf, frequency = root.findtext(".//prf"), root.findtext(".//radarFrequency")
    point = root.find(".//geolocationGridPoint/slantRangeTime")
    interval = root.findtext(".//azimuthTimeInterval")
    if not (prf and frequency and interval and point is not None and point.text):
        return None
    slant_m = float(point.text) * SPEED_OF_LIGHT_M_S / 2
    speed = spacing_m / float(interval)
    orbit_speed = 7_590.0  # m/s in inertial space, mean of the Sentinel-1 orbit (693 km)
    wavelength = SPEED_OF_LIGHT_M_S / float(frequency)
    return wavelength * slant_m * float(prf) / (2 * orbit_speed) * (speed / orbit_speed) / spacing_m


def _lookups(
    product: Product, stem: str, pol: str, noise: dict[str, Noise], sigma: dict[str, Vectors], notes: list[str]
) -> None:
    for kind, vector, value in (
        ("calibration", "calibrationVector", "sigmaNought"),
        ("noise", "noiseRangeVector", "noiseRangeLut"),
    ):
        found = product.find(rf"annotation/calibration/{kind}-{re.escape(stem)}\.xml$") or product.find(
            rf"annotation/calibration/{kind}-[^/]*-{pol}(-[^/]*)?\.xml$"
        )
        if not found:
            notes.append(f"{kind} of {pol} is missing: thresholds follow the clutter alone")
            continue
        root = product.xml(found[0])
        rows = root.findall(f".//{vector}")
        if not rows and kind == "noise":  # processor before March 2018
            rows, value = root.findall(".//noiseVector"), "noiseLut"
        table = _vectors(rows, value)
        if table is None:
            notes.append(f"{kind} of {pol} holds no table: thresholds follow the clutter alone")
        elif kind == "noise":
            noise[pol] = Noise(table, _azimuth_blocks(root))
        else:
            sigma[pol] = table


def _azimuth_blocks(root: ElementTree.Element) -> tuple[Block, ...]:
    made = []
    for entry in root.findall(".//noiseAzimuthVector"):
        try:
            first, last, left, right = (
                int(entry.findtext(k) or "")
                for k in ("firstAzimuthLine", "lastAzimuthLine", "firstRangeSample", "lastRangeSample")
            )
            at = np.array((entry.findtext("line") or "").split(), float)
            factor = np.array((entry.findtext("noiseAzimuthLut") or "").split(), float)
        except ValueError:
            continue  # a stripmap block may leave its bounds out: the profile then holds alone
        if len(at) == len(factor) and len(at):
            made.append(Block((first, last), (left, right), at, factor))
    return tuple(made)


def _vectors(rows: list[ElementTree.Element], value: str) -> Vectors | None:
    lines, values, pixels = [], [], None
    for row in rows:
        try:
            x = np.array((row.findtext("pixel") or "").split(), float)
            v = np.array((row.findtext(value) or "").split(), float)
            line = float(row.findtext("line") or "nan")
        except ValueError:
            continue
        if len(x) < 2 or len(x) != len(v) or not np.isfinite(line):
            continue
        pixels = x if pixels is None else pixels
        values.append(np.interp(pixels, x, v))
        lines.append(line)
    if pixels is None or not lines:
        return None
    order = np.argsort(lines)
    return Vectors(np.array(lines)[order], pixels, np.array(values)[order])


# ------------------------------------------------------------------ Sentinel-2


def _sentinel2(product: Product) -> Scene:
    path = product.path
    meta_name = min(product.find(r"MTD_MSIL[12][AC]\.xml$"), key=len)
    level = "L2A" if "MSIL2A" in meta_name.upper() else "L1C"
    meta = product.xml(meta_name)
    tiles = product.find(r"GRANULE/.*MTD_TL\.xml$")
    if not tiles:
        raise SceneFault(path, "tile metadata is missing", "GRANULE/*/MTD_TL.xml")
    tile = product.xml(tiles[0])
    bands: dict[str, Band] = {}
    notes: list[str] = []
    if len(tiles) > 1:  # products from before October 2016
        notes.append(f"the product holds {len(tiles)} tiles, only the first is searched")
    for name in (*OPTICAL, "SCL"):
        found = _band_file(product, name)
        if found is None:
            if name != "SCL":
                notes.append(f"{name} is missing")
            continue
        bands[name] = Band(product.raster(found))
    if "B03" not in bands or ("B08" not in bands and "B11" not in bands):
        raise SceneFault(
            path,
            f"bands {', '.join(b for b in OPTICAL if b not in bands)} are missing",
            "IMG_DATA with B02, B03, B04, B08, B11",
        )
    crs, corner, size = _geocoding(tile, path)
    for name, band in bands.items():
        data = open_raster(band.path)
        check_size(str(path), data)
        if data.width not in (size[0], size[0] // 2, size[0] // 6):
            raise SceneFault(
                path,
                f"{name} has {data.width} x {data.height} pixels",
                f"{size[0]} x {size[1]} or half, as the tile says",
            )
        data.close()
    geo = AffineMap((10.0, 0.0, corner[0], 0.0, -10.0, corner[1]), crs)
    when_text = _any(meta, "PRODUCT_START_TIME") or _any(tile, "SENSING_TIME")
    when = dt.datetime.fromisoformat(when_text.replace("Z", "+00:00")) if when_text else None
    quantification = float(_any(meta, "BOA_QUANTIFICATION_VALUE") or _any(meta, "QUANTIFICATION_VALUE") or 10_000)
    offsets = [float(e.text or 0) for e in meta.iter() if _tag(e) in ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET")]
    return Scene(
        scene_id=re.sub(r"\.(SAFE|zip)$", "", re.sub(r"\.zip$", "", path.name, flags=re.I), flags=re.I),
        path=str(path),
        kind="optical",
        sensor="Sentinel-2",
        mode=level,
        bands=bands,
        width=size[0],
        height=size[1],
        geo=geo,
        pixel_m=pixel_size_m(geo, size[0] / 2, size[1] / 2),
        accuracy_m=SENTINEL2_SD_M,
        start=when,
        end=when,
        nodata=0,
        scale=1 / quantification,
        offset=offsets[0] if offsets else 0.0,  # -1000 since processing baseline 04.00
        notes=tuple(notes),
    )


def _band_file(product: Product, name: str) -> str | None:
    tail = r"\.(jp2|tiff?)$"
    for pattern in (rf"R10m/.*_{name}_10m{tail}", rf"R20m/.*_{name}_20m{tail}", rf"IMG_DATA/[^/]*_{name}{tail}"):
        found = product.find(pattern)
        if found:
            return found[0]
    return None


def _geocoding(tile: ElementTree.Element, path: Path) -> tuple[str, tuple[float, float], tuple[int, int]]:
    crs = _any(tile, "HORIZONTAL_CS_CODE")
    try:
        size = next(e for e in tile.iter() if _tag(e) == "Size" and e.get("resolution") == "10")
        spot = next(e for e in tile.iter() if _tag(e) == "Geoposition" and e.get("resolution") == "10")
        corner = (float(_any(spot, "ULX") or ""), float(_any(spot, "ULY") or ""))
        shape = (int(_any(size, "NCOLS") or ""), int(_any(size, "NROWS") or ""))
    except (StopIteration, ValueError):
        crs = None
    if not crs:
        raise SceneFault(path, "tile metadata without geocoding", "HORIZONTAL_CS_CODE, Size and Geoposition at 10 m")
    return crs, corner, shape


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _any(root: ElementTree.Element, name: str) -> str | None:
    return next((e.text.strip() for e in root.iter() if _tag(e) == name and e.text), None)
