"""One scene: its bands, where it lies, when it was taken, and windows of its pixels.

Takes a Sentinel-1 GRD or Sentinel-2 SAFE folder or zip, a Cloud-Optimised GeoTIFF, or any raster
that GDAL reads, with or without georeference; gives a `Scene` whose windows are read on demand, so
that nothing holds a whole scene. Faults in a file raise `SceneFault`.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tumen.imagery.faults import SceneFault, need
from tumen.imagery.geolocation import (
    SENTINEL1_SD_M,
    SENTINEL2_SD_M,
    TIES_ALONE_SHARE,
    AffineMap,
    Georeference,
    TieGrid,
    pixel_size_m,
    tie_grid_of_file,
)

Kind = Literal["sar", "optical"]
POLARISATIONS = ("VV", "VH", "HH", "HV")
# Names under which the five bands that the optical detector uses go in Sentinel-2 files and STAC items.
BAND_NAMES = {
    "B02": ("b02", "b2", "blue"),
    "B03": ("b03", "b3", "green"),
    "B04": ("b04", "b4", "red"),
    "B08": ("b08", "b8", "nir", "b8a", "nir08"),
    "B11": ("b11", "swir16", "swir", "swir1"),
    "SCL": ("scl",),
}
OPTICAL = ("B02", "B03", "B04", "B08", "B11")
# Formats that GDAL can only read from the top down: beyond this size they are refused, not streamed.
SEQUENTIAL = {"PNG", "JPEG", "GIF", "BMP", "WEBP"}
MAX_SEQUENTIAL_SIDE = 32_768
GDAL_CACHE_MB = "96"
MAX_SIDE = 200_000  # a stripmap data take is some 100,000 lines long


@dataclass(frozen=True)
class Band:
    """One band: a raster that GDAL opens, and the number of the band in it."""

    path: str
    index: int = 1


@dataclass(frozen=True)
class Scene:
    """What is known of a scene before its pixels are read."""

    scene_id: str
    path: str
    kind: Kind
    sensor: str
    mode: str | None
    bands: dict[str, Band]
    width: int
    height: int
    geo: Georeference | None
    pixel_m: tuple[float, float] | None
    accuracy_m: float | None
    start: dt.datetime | None
    end: dt.datetime | None
    nodata: float | None
    scale: float = 1.0  # reflectance = (number + offset) * scale for optical scenes
    offset: float = 0.0
    notes: tuple[str, ...] = ()
    annotation: Any = None
    simulated: bool = False
    _open: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> Any:
        return _thaw, ({k: v for k, v in self.__dict__.items() if k != "_open"},)

    @property
    def mean_pixel_m(self) -> float | None:
        """Geometric mean of the pixel's sides on the ground, metres."""
        return None if self.pixel_m is None else float(np.sqrt(self.pixel_m[0] * self.pixel_m[1]))

    def dataset(self, path: str, threads: int = 1) -> Any:
        """GDAL data set, one per thread and file."""
        key = (threading.get_ident(), path, threads)
        if key not in self._open:
            self._open[key] = open_raster(path, threads)
        return self._open[key]

    def close(self) -> None:
        """Close every file that was opened."""
        for made in self._open.values():
            made.close()
        self._open.clear()

    def read(
        self, name: str, x: int, y: int, width: int, height: int, out: np.ndarray | None = None, threads: int = 1
    ) -> np.ndarray:
        """Raw numbers of one band in a window inside the scene, shape (height, width).

        A band of coarser grid is brought to the scene's grid bilinearly (SCL by nearest neighbour).
        """
        band = self.bands[name]
        data = self.dataset(band.path, threads)
        windows = need("rasterio.windows")
        try:
            if (data.width, data.height) == (self.width, self.height):
                return data.read(band.index, window=windows.Window(x, y, width, height), out=out)
            fx, fy = data.width / self.width, data.height / self.height
            method = need("rasterio.enums").Resampling["nearest" if name == "SCL" else "bilinear"]
            return data.read(
                band.index,
                window=windows.Window(x * fx, y * fy, width * fx, height * fy),
                out_shape=(height, width),
                resampling=method,
            )
        except need("rasterio.errors").RasterioError as error:
            raise SceneFault(
                self.path, f"rows {y} to {y + height} cannot be read{_why(error)}", "an undamaged raster"
            ) from None

    def strips(self, rows: int) -> Iterator[tuple[int, int]]:
        """First row and number of rows of each strip, top down."""
        for y in range(0, self.height, rows):
            yield y, min(rows, self.height - y)

    def outline(self) -> list[tuple[float, float]] | None:
        """Longitude and latitude along the scene's edge, closed ring, or None without georeference."""
        if self.geo is None:
            return None
        t = np.linspace(0, 1, 9)[:-1]
        x = np.concatenate([t, np.ones(8), 1 - t, np.zeros(8)]) * self.width
        y = np.concatenate([np.zeros(8), t, np.ones(8), 1 - t]) * self.height
        lon, lat = self.geo.lonlat(x, y)
        ring = [(float(a), float(b)) for a, b in zip(lon, lat, strict=True)]
        return [*ring, ring[0]]


def _thaw(state: dict[str, Any]) -> Scene:
    return Scene(**state)


def _short(error: BaseException) -> str:
    return str(error).splitlines()[0].strip().rstrip(".")[:120] or type(error).__name__


def _why(error: BaseException) -> str:
    """What GDAL says, in brackets, unless it only points elsewhere."""
    text = _short(error)
    return "" if "previous exception" in text else f" ({text})"


def open_raster(path: str, threads: int = 1) -> Any:
    """Open a raster read-only; raises `SceneFault` in one line where GDAL cannot."""
    # Strips are read once: GDAL's default cache, a twentieth of the memory, would only hold what is done with.
    os.environ.setdefault("GDAL_CACHEMAX", GDAL_CACHE_MB)
    rasterio = need("rasterio")
    try:
        # Bare pictures are welcome here. Scenes are opened from threads, where catch_warnings does not hold.
        warnings.filterwarnings("ignore", category=need("rasterio.errors").NotGeoreferencedWarning)
        # Uncompressed lines go straight from the file into our array, not by way of GDAL's cache.
        with rasterio.Env(GTIFF_DIRECT_IO="YES"):
            data = rasterio.open(path)
            if threads > 1 and data.driver == "GTiff" and data.compression is not None:
                data.close()  # threads unpack tiles; for plain lines they would only cost (four times the time)
                data = rasterio.open(path, num_threads=threads)
        return data
    except need("rasterio.errors").RasterioError as error:
        if not path.startswith("/vsi") and os.path.exists(path) and os.path.getsize(path) == 0:
            raise SceneFault(path, "an empty file", "an image") from None
        raise SceneFault(
            path, f"not readable as an image ({_short(error)})", "a GeoTIFF, JP2, PNG or SAFE product"
        ) from None


def open_scene(path: str | Path, sensor: Kind | None = None, pixel_m: float | None = None) -> Scene:
    """Find out what lies at `path` and describe it.

    `sensor` and `pixel_m` (metres) settle what a bare picture does not tell. Raises `SceneFault`.
    """
    from tumen.imagery import safe

    name = str(path)
    if "://" not in name and not name.startswith("/vsi"):
        if not os.path.exists(name):
            raise SceneFault(name, "no such file or folder", "a scene")
        if safe.is_safe(Path(name)):
            return safe.open_safe(Path(name))
        if os.path.isdir(name):
            return _open_folder(name, pixel_m)
    elif "://" in name and not name.startswith("/vsi"):
        name = "/vsicurl/" + name
    return open_plain(name, sensor, pixel_m)


def open_plain(path: str, sensor: Kind | None = None, pixel_m: float | None = None) -> Scene:
    """Describe a single raster file: COG, GeoTIFF, JP2, PNG."""
    data = open_raster(path)
    check_size(path, data)
    try:
        kind, bands, notes = _bands(path, data, sensor)
        scale, offset = (1.0, 0.0) if kind == "sar" else _reflectance(data)
    except need("rasterio.errors").RasterioError:
        raise SceneFault(path, "its pixels cannot be read: damaged, or cut short", "an undamaged raster") from None
    sensor_name = _sensor_name(path, kind)
    geo, size, accuracy = _georeference(path, data, sensor_name)
    if pixel_m is not None:
        size = (pixel_m, pixel_m)
    tags = {**data.tags(), **dict(data.tags(1))} if data.count else {}
    when = _time(path, tags)
    simulated = tags.get("TUMEN_SIMULATED", "").lower() == "true"
    made = Scene(
        scene_id=Path(path).stem,
        path=path,
        kind=kind,
        sensor=sensor_name,
        mode=None,
        bands=bands,
        width=data.width,
        height=data.height,
        geo=geo,
        pixel_m=size,
        accuracy_m=accuracy,
        start=when,
        end=when,
        nodata=data.nodata,
        scale=scale,
        offset=offset,
        notes=tuple(notes),
        simulated=simulated,
    )
    data.close()
    return made


def _open_folder(path: str, pixel_m: float | None) -> Scene:
    """Radar polarisations in files of their own, as windows of public archives are kept: one scene."""
    found: dict[str, Path] = {}
    for file in sorted(Path(path).iterdir()):
        named = re.findall(r"(?:^|[^a-z])(vv|vh|hh|hv)(?:[^a-z]|$)", file.stem.lower())
        if file.suffix.lower() not in (".tif", ".tiff") or len(named) != 1:
            continue
        pol = named[0].upper()
        if pol in found:
            raise SceneFault(path, f"{found[pol].name} and {file.name} are both {pol}", "one file a polarisation")
        found[pol] = file
    if not found:
        raise SceneFault(path, "a folder without manifest.safe", "a SAFE product or a raster file")
    scenes = {pol: open_plain(str(file), "sar", pixel_m) for pol, file in found.items()}
    order = [p for p in ("VV", "HH", "VH", "HV") if p in scenes]
    first = scenes[order[0]]
    for pol in order[1:]:
        other = scenes[pol]
        if (other.width, other.height) != (first.width, first.height):
            raise SceneFault(
                path,
                f"{found[pol].name} has {other.width} x {other.height} pixels",
                f"{first.width} x {first.height}, as {found[order[0]].name} has",
            )
    when = first.start or _time(path, {})
    return replace(
        first,
        scene_id=Path(path).name,
        start=when,
        end=when,
        path=path,
        bands={p: Band(str(found[p])) for p in order},
        simulated=any(s.simulated for s in scenes.values()),
        _open={},
    )


def check_size(path: str, data: Any) -> None:
    """Refuse what cannot be streamed."""
    if data.driver in SEQUENTIAL and max(data.width, data.height) > MAX_SEQUENTIAL_SIDE:
        raise SceneFault(
            path,
            f"{data.width} x {data.height} pixels in a {data.driver}, which cannot be read in windows",
            f"at most {MAX_SEQUENTIAL_SIDE} a side, or a tiled GeoTIFF",
        )
    if max(data.width, data.height) > MAX_SIDE:
        raise SceneFault(path, f"{data.width} x {data.height} pixels", f"at most {MAX_SIDE} a side")
    if (short := _cut_short(path, data) if data.driver == "GTiff" else _no_end(path, data)) is not None:
        raise SceneFault(path, short, "an undamaged raster")
    if any(t.startswith("complex") for t in data.dtypes):
        raise SceneFault(path, "complex pixels (a single-look product)", "detected amplitude, e.g. Sentinel-1 GRD")


def _cut_short(path: str, data: Any) -> str | None:
    """What a TIFF lacks at its end: GDAL reads plain lines beyond the end of a file as zeros, without a word."""
    size = _file_size(data.name)
    if size is None:
        return None
    blocks = [-(-n // b) for n, b in zip((data.height, data.width), data.block_shapes[0], strict=True)]
    last_row, last_column = blocks[0] - 1, blocks[1] - 1
    rows = sorted({round(last_row * k / 8) for k in range(9)})
    for band in (1, data.count):
        for row in rows:
            name = f"{last_column}_{row}"
            at = data.get_tag_item(f"BLOCK_OFFSET_{name}", "TIFF", bidx=band)
            length = data.get_tag_item(f"BLOCK_SIZE_{name}", "TIFF", bidx=band)
            if at and length and int(at) + int(length) > size:
                line = min(data.height, (row + 1) * data.block_shapes[0][0])
                return f"{Path(data.name).name} ends after {size:,} bytes, before line {line:,} of {data.height:,}"
    return None


# Last bytes of pictures that GDAL fills up, without a word, where they break off. A JPEG may carry a trailer.
ENDS = {"PNG": (b"IEND", 12), "JPEG": (b"\xff\xd9", 65_536)}


def _no_end(path: str, data: Any) -> str | None:
    """What a PNG or JPEG lacks at its end."""
    if data.driver not in ENDS or not os.path.isfile(data.name):
        return None
    mark, reach = ENDS[data.driver]
    size = os.path.getsize(data.name)
    with open(data.name, "rb") as file:
        file.seek(max(0, size - reach))
        whole = mark in file.read()
    return None if whole else f"{Path(data.name).name} breaks off after {size:,} bytes"


def _file_size(name: str) -> int | None:
    """Bytes of a local file or of a member of a local zip; None where that is not known."""
    import zipfile

    if not name.startswith("/vsi"):
        return os.path.getsize(name) if os.path.isfile(name) else None
    inside = re.match(r"/vsizip/\{(.+)\}/(.+)", name)
    if inside is None:
        return None
    try:
        with zipfile.ZipFile(inside[1]) as archive:
            return archive.getinfo(inside[2]).file_size
    except (OSError, KeyError, zipfile.BadZipFile):
        return None


def _bands(path: str, data: Any, sensor: Kind | None) -> tuple[Kind, dict[str, Band], list[str]]:
    names = [(d or "").strip() for d in data.descriptions]
    stem = Path(path).stem.lower()
    pols = {n.upper()[-2:]: Band(path, i) for i, n in enumerate(names, 1) if n.upper()[-2:] in POLARISATIONS}
    if sensor != "optical" and pols:
        return "sar", pols, []
    found: dict[str, Band] = {}
    for want, known in BAND_NAMES.items():
        for i, n in enumerate(names, 1):
            if n.lower() in known and want not in found:
                found[want] = Band(path, i)
    if sensor != "sar" and len([b for b in OPTICAL if b in found]) >= 3:
        return "optical", found, []
    if sensor is None:
        sensor = _guess(path, data, stem)
    if sensor == "optical":
        return "optical", *_unnamed_optical(path, data)
    return "sar", *_unnamed_sar(path, data, stem)


def _guess(path: str, data: Any, stem: str) -> Kind:
    """A picture without band names: radar pictures are grey, also when stored as RGB."""
    if re.search(r"(^|[^a-z0-9])s2[abc]?_|msil[12]|sentinel-?2|s2l[12]", stem):
        return "optical"
    if data.count <= 2 or re.search(r"(^|[^a-z0-9])s1[abcd]?[-_]|sentinel-?1", stem):
        return "sar"
    if (data.count == 4 and data.colorinterp[3].name == "alpha") or data.count == 3:
        size = 512
        x, y = max(0, (data.width - size) // 2), max(0, (data.height - size) // 2)
        part = data.read(
            [1, 2, 3], window=need("rasterio.windows").Window(x, y, min(size, data.width), min(size, data.height))
        )
        return "sar" if (part[0] == part[1]).all() and (part[0] == part[2]).all() else "optical"
    return "optical"


def _unnamed_optical(path: str, data: Any) -> tuple[dict[str, Band], list[str]]:
    n = data.count
    rgb = [c.name for c in data.colorinterp[:3]] == ["red", "green", "blue"] or data.dtypes[0] == "uint8"
    if n in (3, 4) and rgb:
        bands = {"B04": Band(path, 1), "B03": Band(path, 2), "B02": Band(path, 3)}
        if n == 4 and data.colorinterp[3].name != "alpha":
            bands["B08"] = Band(path, 4)
        return bands, ["bands are not named: taken as red, green, blue" + (", near infrared" if "B08" in bands else "")]
    if n == 1:
        return {"B03": Band(path, 1)}, ["one band without a name: taken as panchromatic"]
    order = OPTICAL[: min(n, 5)]
    if n < 3:
        raise SceneFault(path, f"{n} bands without names", "bands described as B02, B03, B04, B08, B11")
    return {b: Band(path, i) for i, b in enumerate(order, 1)}, [f"bands are not named: taken as {', '.join(order)}"]


def _unnamed_sar(path: str, data: Any, stem: str) -> tuple[dict[str, Band], list[str]]:
    named = [p for p in POLARISATIONS if re.search(rf"(^|[^a-z]){p.lower()}([^a-z]|$)", stem)]
    if data.count == 1 or (data.count >= 3 and data.dtypes[0] == "uint8"):
        pol = named[0] if len(named) == 1 else "VV"
        return {pol: Band(path, 1)}, [] if named else ["polarisation is not named: taken as co-polarised"]
    if data.count == 2:
        # Sea and ships are brighter in the co-polarised band, always: 6 dB and more at C band.
        size = 1024
        x, y = max(0, (data.width - size) // 2), max(0, (data.height - size) // 2)
        window = need("rasterio.windows").Window(x, y, min(size, data.width), min(size, data.height))
        first, second = (float(np.median(data.read(i, window=window))) for i in (1, 2))
        co, cross = (2, 1) if second > first else (1, 2)
        return {"VV": Band(path, co), "VH": Band(path, cross)}, [
            f"bands are not named: the brighter, number {co}, taken as VV, the other as VH"
        ]
    raise SceneFault(path, f"{data.count} bands without names", "bands described as VV, VH, HH or HV")


def _georeference(
    path: str, data: Any, sensor: str
) -> tuple[Georeference | None, tuple[float, float] | None, float | None]:
    """Georeference, ground size of a pixel, and stated error of a place (1 sigma), metres."""
    points, _crs = data.gcps
    if points:
        # GDAL's Sentinel-1 tie points hold the line and pixel numbers of the annotation, as pixel corners.
        rows = np.array([(p.row, p.col, p.x, p.y, p.z or 0.0) for p in points], float)
        if sensor == "Sentinel-1":
            grid, moved_m = tie_grid_of_file(rows, data.width, _swath(path), path)
            error = float(np.hypot(SENTINEL1_SD_M, TIES_ALONE_SHARE * moved_m))
        else:
            grid, error = TieGrid.of_points(rows[:, :4], path), None
        size = pixel_size_m(grid, data.width / 2, data.height / 2)
        return grid, size, error if error is not None else max(size)
    if data.crs is None or data.transform.is_identity:
        if data.crs is not None:
            raise SceneFault(path, f"a CRS ({data.crs.to_string()}) with no position", "a geotransform, or no CRS")
        return None, None, None
    t = data.transform
    geo = AffineMap((t.a, t.b, t.c, t.d, t.e, t.f), data.crs.to_wkt())
    try:
        lon, lat = geo.lonlat([0, data.width, data.width / 2], [0, data.height, data.height / 2])
    except need("pyproj").exceptions.ProjError as error:
        raise SceneFault(path, f"a CRS that cannot be used ({_short(error)})", "a CRS known to PROJ") from None
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()) or (np.abs(lon) > 360).any() or (np.abs(lat) > 90).any():
        raise SceneFault(
            path,
            f"positions x {t.c:.6g}, y {t.f:.6g} lie outside {data.crs.to_string()[:30]}",
            "coordinates that fit the CRS",
        )
    if (np.abs(lon) > 180).any():
        raise SceneFault(path, f"longitudes {lon.min():.6g} to {lon.max():.6g}", "longitudes within -180..180")
    size = pixel_size_m(geo, data.width / 2, data.height / 2)
    if not 0.05 <= min(size) <= max(size) <= 500:
        raise SceneFault(
            path, f"pixels of {size[0]:.3g} x {size[1]:.3g} m on the ground", "0.05 to 500 m: is the CRS right?"
        )
    return geo, size, {"Sentinel-1": SENTINEL1_SD_M, "Sentinel-2": SENTINEL2_SD_M}.get(sensor, max(size))


def _reflectance(data: Any) -> tuple[float, float]:
    """Factor from numbers to reflectance. Known scales: 10,000 (ESA), 65,535 (16-bit exports), 255, 1."""
    kind = data.dtypes[0]
    if kind == "uint8":
        return 1 / 255, 0.0
    if kind.startswith("float"):
        return 1.0, 0.0
    step = max(1, max(data.width, data.height) // 2048)
    part = data.read(1, out_shape=(max(1, data.height // step), max(1, data.width // step)))
    high = float(np.percentile(part, 99.5)) if part.size else 0.0
    top = float(part.max()) if part.size else 0.0
    # Reflectance hardly ever exceeds 1.6 (glint, cloud): a maximum well beyond means the 16-bit scale.
    return (1 / 65_535, 0.0) if top > 20_000 or high > 16_000 else (1 / 10_000, 0.0)


_STAMP = re.compile(r"(\d{4})(\d{2})(\d{2})[tT](\d{2})(\d{2})(\d{2})")
_DAY = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


# Public archives keep each polarisation as measurement/iw-vv.tiff in a folder with the product's name.
_PRODUCT = re.compile(r"S1[A-D]_(IW|EW|S[1-6]|WV)_GRD._[0-9A-Z_]{30,}", re.IGNORECASE)


def _product(path: str) -> str | None:
    """Name of the Sentinel-1 product whose folder holds a file."""
    for part in reversed(Path(path).parts[:-1]):
        if _PRODUCT.match(part):
            return part
    return None


def _swath(path: str) -> str | None:
    """IW, EW or a stripmap beam, from a file's name or its product's."""
    found = re.search(r"(?:^|[^a-z0-9])(iw|ew|s[1-6])(?:[^a-z0-9]|$)", Path(path).stem.lower())
    product = _PRODUCT.match(_product(path) or "")
    return found[1].upper() if found else product[1].upper() if product else None


def _time(path: str, tags: dict[str, str]) -> dt.datetime | None:
    """Instant from a file name, its product's or the TIFF's own tag; None where none tells."""
    stem = Path(path).stem
    for pattern in (_STAMP, _DAY):
        found = pattern.search(stem) or pattern.search(_product(path) or "")
        if found:
            try:
                parts = [int(g) for g in found.groups()]
                year, month, day, *clock = parts
                hour, minute, second = clock or [12, 0, 0]
                return dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
            except ValueError:
                continue
    text = tags.get("ACQUISITION_TIME") or tags.get("datetime")
    if text:
        try:
            return dt.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(dt.UTC)
        except ValueError:
            return None
    return None


def _sensor_name(path: str, kind: Kind) -> str:
    stem = Path(path).stem.lower()
    if kind == "sar" and (re.search(r"(^|[^a-z0-9])s1[abcd]?[-_]|sentinel-?1", stem) or _product(path)):
        return "Sentinel-1"
    if kind == "optical" and re.search(r"(^|[^a-z0-9])s2[abc]?_|msil[12]|sentinel-?2|s2l[12]|t\d\d[a-z]{3}_", stem):
        return "Sentinel-2"
    return kind


def with_notes(scene: Scene, *notes: str) -> Scene:
    """The same scene with more notes."""
    return replace(scene, notes=(*scene.notes, *notes), _open={})
