"""STAC catalogues: search an API or walk a static catalogue, fetch only the windows that a case needs.

Takes the table PLACES, dates and an address (or a preset); gives `Found` items and, by `fetch`, windows of
their assets as small GeoTIFFs. Downloads resume and are checked against `file:checksum` (multihash) or
`file:size` where the catalogue states them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from tumen.imagery.faults import SceneFault, Unreachable, need

# Addresses as their operators document them; collections hold GRD amplitude and Sentinel-2 L2A.
PRESETS: dict[str, dict[str, Any]] = {
    "earth-search": {
        "address": "https://earth-search.aws.element84.com/v1",
        "collections": ["sentinel-1-grd", "sentinel-2-l2a"],
    },
    "copernicus": {
        "address": "https://stac.dataspace.copernicus.eu/v1",
        "collections": ["sentinel-1-grd", "sentinel-2-l2a"],
    },
}
ASSETS = (
    "vv",
    "vh",
    "hh",
    "hv",
    "blue",
    "green",
    "red",
    "nir",
    "swir16",
    "scl",
    "B02",
    "B03",
    "B04",
    "B08",
    "B11",
    "SCL",
)
TIMEOUT_S = 60
CHUNK = 1 << 20
# GDAL: no listing of the folder beside a COG, and an end to waiting.
REMOTE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_TIMEOUT": TIMEOUT_S,
    "GDAL_HTTP_CONNECTTIMEOUT": 15,
    "GDAL_HTTP_MAX_RETRY": 2,
}
HASHES = {"12": "sha256", "13": "sha512", "11": "sha1", "d5": "md5"}  # multihash codes (multiformats table)
MAX_ITEMS = 5000


@dataclass(frozen=True)
class Found:
    """One item of a catalogue over the places that were asked for."""

    item_id: str
    collection: str
    time: dt.datetime
    bbox: tuple[float, float, float, float]
    assets: dict[str, dict[str, Any]]  # name -> href, checksum, size
    boxes: tuple[tuple[float, float, float, float], ...]  # windows wanted, degrees: west, south, east, north
    properties: dict[str, Any] = field(default_factory=dict)


def options(query: dict[str, Any]) -> dict[str, Any]:
    """Search options of a case's `[imagery]` settings: `stac` (preset, address or path), `collections`,
    `max_cloud`, `limit`."""
    known = {"stac", "collections", "max_cloud", "limit"}
    made = {k: v for k, v in query.items() if k in known}
    stac = made.pop("stac", "earth-search")
    return {"address": stac, **made}


def search(
    places: pa.Table | Iterable[tuple[float, float, float, float]],
    start: dt.date,
    end: dt.date,
    address: str = "earth-search",
    collections: list[str] | None = None,
    max_cloud: float = 100.0,
    limit: int = MAX_ITEMS,
) -> list[Found]:
    """Items over the places between two days (both included), oldest first.

    `address` is a preset's name, the address of a STAC API, or of a static catalogue (http or path). Raises
    `Unreachable` when it cannot be read, `SceneFault` when it is no catalogue.
    """
    boxes = _boxes(places)
    if not boxes:
        raise SceneFault("places", "no place has a position", "at least one place with a geometry")
    preset = PRESETS.get(address, {})
    address = preset.get("address", address)
    collections = collections or preset.get("collections")
    client = need("pystac_client")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            catalogue = client.Client.open(address)
            if catalogue.conforms_to("ITEM_SEARCH") and catalogue.get_search_link() is not None:
                items = _ask(catalogue, boxes, start, end, collections, limit)
            else:
                items = _walk(catalogue, boxes, start, end, collections)
    except (client.exceptions.APIError, OSError) as error:
        raise Unreachable(f"{address}: {_line(error)}") from None
    except (KeyError, ValueError, TypeError, need("pystac").STACError) as error:
        raise SceneFault(
            address, f"not readable as a STAC catalogue ({_line(error)})", "a STAC API or static catalogue"
        ) from None
    found = [_found(item, boxes) for item in items]
    kept = [f for f in found if f.boxes and float(f.properties.get("eo:cloud_cover") or 0) <= max_cloud]
    return sorted({f.item_id: f for f in kept}.values(), key=lambda f: (f.time, f.item_id))[:limit]


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _boxes(places: Any) -> list[tuple[float, float, float, float]]:
    if not isinstance(places, pa.Table):
        return [tuple(float(v) for v in b) for b in places]  # type: ignore[misc]
    from tumen.imagery.areas import areas_of_places

    return [
        a.polygon.bounds for a in areas_of_places(places) if a.kind in ("port", "anchorage", "area", "berth", "pier")
    ]


def _interval(start: dt.date, end: dt.date) -> str:
    return f"{start.isoformat()}T00:00:00Z/{end.isoformat()}T23:59:59Z"


def _ask(
    catalogue: Any, boxes: list, start: dt.date, end: dt.date, collections: list[str] | None, limit: int
) -> list[Any]:
    made = {}
    for box in _merged(boxes):
        found = catalogue.search(
            bbox=list(box), datetime=_interval(start, end), collections=collections, max_items=limit, limit=100
        )
        for item in found.items():
            made[item.id] = item
    return list(made.values())


def _merged(boxes: list[tuple[float, float, float, float]]) -> list[tuple[float, float, float, float]]:
    """One box for places within a degree of each other: a product is 2 degrees wide."""
    out: list[tuple[float, float, float, float]] = []
    for box in sorted(boxes):
        for i, other in enumerate(out):
            joint = (min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3]))
            if joint[2] - joint[0] < 1 and joint[3] - joint[1] < 1:
                out[i] = joint
                break
        else:
            out.append(box)
    return out


def _walk(catalogue: Any, boxes: list, start: dt.date, end: dt.date, collections: list[str] | None) -> list[Any]:
    """A static catalogue has no search: look at every item."""
    out = []
    for item in catalogue.get_items(recursive=True):
        when = _time(item)
        if collections and item.collection_id not in collections:
            continue
        if when is not None and start <= when.date() <= end and item.bbox and any(_meet(item.bbox, b) for b in boxes):
            out.append(item)
        if len(out) >= MAX_ITEMS:
            break
    return out


def _meet(a: Any, b: Any) -> bool:
    return a[0] <= b[2] and a[2] >= b[0] and a[1] <= b[3] and a[3] >= b[1]


def _time(item: Any) -> dt.datetime | None:
    when = item.datetime or item.common_metadata.start_datetime
    if when is None:
        return None
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)


def _found(item: Any, boxes: list) -> Found:
    assets = {}
    for name, asset in item.assets.items():
        extra = asset.extra_fields
        assets[name] = {
            "href": asset.get_absolute_href() or asset.href,
            "checksum": extra.get("file:checksum"),
            "size": extra.get("file:size"),
            "type": asset.media_type,
        }
    when = _time(item) or dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    box = tuple(float(v) for v in (item.bbox if len(item.bbox) == 4 else [*item.bbox[:2], *item.bbox[3:5]]))
    wanted = tuple(b for b in boxes if _meet(box, b))
    return Found(item.id, item.collection_id or "", when, box, assets, wanted, dict(item.properties))  # type: ignore[arg-type]


# ------------------------------------------------------------------ fetching


def fetch(item: Found, folder: Path, names: tuple[str, ...] = ASSETS, pad_m: float = 2000.0) -> list[Path]:
    """Windows of an item's image assets over the wanted places, one GeoTIFF an item; what is there is kept.

    Only the blocks of the COG that the window touches are read. Returns the files. Raises `Unreachable`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    use = {n: a for n, a in item.assets.items() if n in names}
    if not use:
        return []
    out = []
    for number, box in enumerate(_merged(list(item.boxes))):
        stamp = item.time.strftime("%Y%m%dT%H%M%S")
        mark = hashlib.sha256(json.dumps([box, sorted(use), pad_m]).encode()).hexdigest()[:8]
        safe = re.sub(r"[^A-Za-z0-9_.-]", "_", item.item_id)
        target = folder / f"{safe}{'' if stamp[:8] in safe else '_' + stamp}_{number}_{mark}.tif"
        if not target.exists():
            with need("rasterio").Env(**REMOTE):
                _window(use, item, box, target, pad_m)
        out.append(target)
    return out


def _window(
    assets: dict[str, dict[str, Any]], item: Found, box: tuple[float, float, float, float], target: Path, pad_m: float
) -> None:
    """Read each band's window and write them as one file, moved into place when whole."""
    import numpy as np

    from tumen.imagery.scene import BAND_NAMES, open_plain

    rasterio = need("rasterio")
    bands: dict[str, Any] = {}
    first: dict[str, Any] | None = None
    for name, asset in assets.items():
        label = next((b for b, known in BAND_NAMES.items() if name.lower() in known or name == b), name.upper())
        path = _gdal(asset["href"])
        try:
            scene = open_plain(path)
        except SceneFault as fault:
            if "not readable" in fault.wrong or "no such" in fault.wrong:
                raise Unreachable(f"{asset['href']}: {fault.wrong}") from None
            raise
        if scene.geo is None:
            raise SceneFault(asset["href"], "no georeference", "a georeferenced COG")
        size = scene.mean_pixel_m or 10.0
        x, y = scene.geo.pixel([box[0], box[2], box[0], box[2]], [box[1], box[1], box[3], box[3]])
        pad = pad_m / size
        x0, y0 = max(0, int(x.min() - pad)), max(0, int(y.min() - pad))
        x1, y1 = min(scene.width, int(x.max() + pad) + 1), min(scene.height, int(y.max() + pad) + 1)
        if x1 <= x0 or y1 <= y0:
            scene.close()
            continue
        with rasterio.open(path) as data:
            values = data.read(1, window=rasterio.windows.Window(x0, y0, x1 - x0, y1 - y0))
            if first is None:
                first = {
                    "crs": data.crs,
                    "transform": data.window_transform(rasterio.windows.Window(x0, y0, x1 - x0, y1 - y0)),
                    "shape": values.shape,
                    "dtype": values.dtype,
                    "nodata": data.nodata,
                }
                points, crs = data.gcps
                if points:
                    first["gcps"] = (
                        [rasterio.control.GroundControlPoint(p.row - y0, p.col - x0, p.x, p.y) for p in points],
                        crs,
                    )
        scene.close()
        if values.shape != first["shape"]:
            rows = np.linspace(0, values.shape[0] - 1, first["shape"][0]).round().astype(int)
            columns = np.linspace(0, values.shape[1] - 1, first["shape"][1]).round().astype(int)
            values = values[rows][:, columns]
        bands[label] = values
    if first is None:
        raise SceneFault(item.item_id, "covers none of the wanted windows", "an item over the places")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": first["shape"][0],
        "width": first["shape"][1],
        "count": len(bands),
        "dtype": first["dtype"],
        "compress": "deflate",
        "nodata": first["nodata"],
    }
    if "gcps" in first:
        profile.update(gcps=first["gcps"][0], crs=first["gcps"][1])
    else:
        profile.update(crs=first["crs"], transform=first["transform"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.open(part, "w", **profile) as out:
                out.update_tags(
                    ACQUISITION_TIME=item.time.isoformat(), STAC_ITEM=item.item_id, STAC_COLLECTION=item.collection
                )
                for i, (label, values) in enumerate(bands.items(), 1):
                    out.set_band_description(i, label)
                    out.write(values.astype(first["dtype"]), i)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _gdal(href: str) -> str:
    if href.startswith(("http://", "https://")):
        return "/vsicurl/" + href
    if href.startswith("s3://"):
        return "/vsis3/" + href[5:]
    return href.removeprefix("file://")


def download(href: str, target: Path, checksum: str | None = None, size: int | None = None) -> Path:
    """Fetch a whole asset over http; an interrupted one goes on where it stopped; the checksum is verified.

    `checksum` is a multihash in hex (STAC file extension). Raises `Unreachable`, or `SceneFault` when the
    content is not what the catalogue promised (the part file is then removed).
    """
    if target.exists() and _fits(target, checksum, size):
        return target
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(href, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with (
            urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer,
            open(part, "ab" if have and answer.status == 206 else "wb") as file,
        ):
            while chunk := answer.read(CHUNK):
                file.write(chunk)
            promised = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise Unreachable(f"{href}: the server answered {error.code}") from None
        promised = None
    except OSError as error:
        raise Unreachable(f"{href}: {_line(error)}") from None
    if (size is not None and part.stat().st_size < size) or (
        promised and not have and part.stat().st_size < int(promised)
    ):
        raise Unreachable(f"{href}: broke off after {part.stat().st_size} bytes; run again to go on from there")
    if not _fits(part, checksum, size):
        part.unlink()
        raise SceneFault(href, "content does not match the catalogue's checksum", "the file that the catalogue names")
    os.replace(part, target)
    return target


def _fits(path: Path, checksum: str | None, size: int | None) -> bool:
    if size is not None and path.stat().st_size != size:
        return False
    if checksum is None:
        return True
    kind = HASHES.get(checksum[:2].lower())
    if kind is None:
        return True  # a hash that Python lacks: size is all that can be checked
    digest = hashlib.new(kind)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == checksum[4:].lower()
