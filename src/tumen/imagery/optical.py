"""Ships in optical images, at sea and alongside a quay.

Takes a `Scene` with Sentinel-2's bands (or some of them) and land polygons; gives `Ship` objects. A small
network (trained by bench/imagery_train.py) marks hulls and their cores; where it cannot run, contrast
against the water outside the land polygons does the same work with more false alarms near quays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
from scipy import ndimage

from tumen.imagery.faults import SceneFault
from tumen.imagery.geolocation import AffineMap
from tumen.imagery.judging import LENGTH_SD, length_m, probability
from tumen.imagery.land import Land, land_share
from tumen.imagery.scene import OPTICAL, Scene
from tumen.imagery.shape import Rectangle, Ship, angle_sd, rectangle
from tumen.imagery.surroundings import Ground, describe, dry_run, ground
from tumen.imagery.water import FLOOR, Water, align, layers, water

TILE, MARGIN = 1024, 64  # pixels: the level of the water is taken over a tile; ships are shorter than the margin
NETWORK_TILE, NETWORK_MARGIN = 384, 32
LEVELS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.93)  # of the core map, at which parts may fall apart
BODY = 0.2  # network output above which a pixel is hull
DISPLAY_SCALE = 1 / 255  # of an 8-bit picture
ENOUGH = 2000  # pixels of land, and of sea, before the order of the bands is judged
CLOUD_CLASSES = (3, 8, 9, 10)  # scene classification of Sentinel-2: shadow, cloud medium and high, cirrus
WORKING_M = 7.0  # to which finer pixels are brought
NETWORK_PIXEL_M = (5.0, 16.0)  # ground sizes of pixels for which the network holds (trained on 6 to 12 m)


@dataclass(frozen=True)
class Seen:
    """What one pass over an optical scene gives. Masks are at 1/8 of the scene's grid."""

    ships: list[Ship]
    usable: np.ndarray  # share of usable pixels of each 8 x 8 cell
    water_px: float
    shift: tuple[int, int]
    notes: tuple[str, ...]
    blank: tuple[int, int] | None = None  # first and last line that holds no data across a tile


def search(
    scene: Scene,
    land: Land | None,
    network: str | None = "builtin",
    windows: list[tuple[int, int, int, int]] | None = None,
) -> Seen:
    """Search the scene tile by tile; `windows` (x, y, width, height) limit it to tiles that they touch.

    `network` is "builtin", the path of an ONNX file, or None for the contrast detector.
    """
    size = scene.mean_pixel_m
    if size is not None and size < NETWORK_PIXEL_M[0]:
        return _search_coarser(scene, land, network, windows, max(2, round(WORKING_M / size)))
    ships: list[Ship] = []
    usable = np.zeros((-(-scene.height // 8), -(-scene.width // 8)), np.float32)
    water_px, shift, notes = 0.0, (0, 0), []
    blank: list[int] = []
    runner = _session(network) if network else None
    if size is not None and not NETWORK_PIXEL_M[0] <= size <= NETWORK_PIXEL_M[1]:
        runner = None
        notes.append(
            f"pixels of {size:.1f} m: the network holds for {NETWORK_PIXEL_M[0]:.0f} to {NETWORK_PIXEL_M[1]:.0f} m, contrast was used"
        )
    elif network and runner is None:
        notes.append("onnxruntime is not installed: ships were found by contrast alone")
    for y in range(0, scene.height, TILE):
        for x in range(0, scene.width, TILE):
            w, h = min(TILE, scene.width - x), min(TILE, scene.height - y)
            if windows is not None and not any(
                x < a + c and a < x + w and y < b + d and b < y + h for a, b, c, d in windows
            ):
                continue
            found, cells, wet, moved, empty = _tile(scene, land, runner, x, y, w, h)
            blank += [y + int(row) for row in empty]
            usable[y // 8 : -(-(y + h) // 8), x // 8 : -(-(x + w) // 8)] = cells
            water_px += wet
            shift = moved if moved != (0, 0) else shift
            ships += found
    lines = (min(blank), max(blank)) if blank else None
    if windows is None and len(blank) == scene.height * len(range(0, scene.width, TILE)):
        # Nothing was seen, which is not the same as nothing there.
        raise SceneFault(scene.path, "no pixel holds data", "an image")
    return Seen(_drop_doubles(ships), usable, water_px, shift, tuple(notes), lines)


class Coarser(Scene):
    """A scene seen with `coarser` times larger pixels, each the mean of what it covers."""

    coarser: int
    fine: Scene

    def read(self, name: str, x: int, y: int, width: int, height: int, out=None, threads: int = 1) -> np.ndarray:
        """As `Scene.read`, in the larger pixels; a pixel without data in it has none."""
        k = self.coarser
        raw = self.fine.read(name, x * k, y * k, width * k, height * k, threads=threads)
        parts = raw.reshape(height, k, width, k)
        if name == "SCL":
            return parts[:, k // 2, :, k // 2]
        mean = parts.mean((1, 3), dtype=np.float32)
        if self.nodata is not None:
            mean[(parts == self.nodata).any((1, 3))] = self.nodata
        return mean


def coarser(scene: Scene, k: int) -> Coarser:
    """The scene with pixels `k` times as large; a rest of less than one pixel at the right and lower edge is left out."""
    geo = scene.geo
    if isinstance(geo, AffineMap):
        a, b, c, d, e, f = geo.transform
        geo = AffineMap((a * k, b * k, c, d * k, e * k, f), geo.crs)
    state = {name: value for name, value in scene.__dict__.items() if name != "_open"}
    state.update(
        width=scene.width // k,
        height=scene.height // k,
        geo=geo,
        pixel_m=None if scene.pixel_m is None else (scene.pixel_m[0] * k, scene.pixel_m[1] * k),
    )
    made = Coarser(**state)
    object.__setattr__(made, "coarser", k)
    object.__setattr__(made, "fine", scene)
    return made


def _search_coarser(scene: Scene, land, network, windows, k: int) -> Seen:
    """Search a high-resolution picture at the size of pixel that the network knows; positions are given back fine."""
    small = [(x // k, y // k, -(-w // k) + 1, -(-h // k) + 1) for x, y, w, h in windows] if windows else windows
    seen = search(coarser(scene, k), land, network, small)
    for ship in seen.ships:
        for name in ("x", "y", "length_px", "length_sd_px", "width_px", "width_sd_px"):
            setattr(ship, name, getattr(ship, name) * k)
    rows, columns = -(-scene.height // 8), -(-scene.width // 8)
    usable = np.kron(seen.usable, np.ones((k, k), np.float32))
    usable = np.pad(usable, ((0, max(0, rows - len(usable))), (0, max(0, columns - usable.shape[1]))), mode="edge")
    note = f"pixels of {scene.mean_pixel_m:.1f} m: ships were sought in means of {k} x {k} pixels"
    return Seen(
        seen.ships,
        usable[:rows, :columns],
        seen.water_px * k * k,
        (seen.shift[0] * k, seen.shift[1] * k),
        (note, *seen.notes),
        None if seen.blank is None else (seen.blank[0] * k, min(scene.height, (seen.blank[1] + 1) * k) - 1),
    )


def _tile(scene: Scene, land: Land | None, runner, x: int, y: int, w: int, h: int):
    x0, y0 = max(0, x - MARGIN), max(0, y - MARGIN)
    x1, y1 = min(scene.width, x + w + MARGIN), min(scene.height, y + h + MARGIN)
    bands, valid = read_bands(scene, x0, y0, x1 - x0, y1 - y0)
    inner = (slice(y - y0, y - y0 + h), slice(x - x0, x - x0 + w))
    # A line is told as empty where it holds nothing from edge to edge of the tile.
    empty = np.flatnonzero(~valid[inner].any(1))
    share = land_share(land, scene.geo, x0, y0, x1 - x0, y1 - y0)
    clear = valid & ~clouds(scene, bands, x0, y0, x1 - x0, y1 - y0, share)
    moved = (0, 0)
    if share is not None and "B08" in bands and "B03" in bands:
        moved = align(share, (bands["B03"] > bands["B08"]) & valid)
        share = np.roll(share, moved, (0, 1))
        check_order(scene, bands, share, clear)
    cells = _cells(clear[inner])
    sea = water(bands, share, clear)
    if sea is None:
        return [], cells, 0.0, moved, empty
    if share is None:
        check_dark(scene, bands, sea, clear)
    sea_px = (
        float(((share[inner] < 0.5) & clear[inner]).sum())
        if share is not None
        else float(_open_water(sea.mask)[inner].sum())
    )
    data = layers(bands, share, dict(zip(bands, sea.level, strict=True)))
    data[:5, ~valid] = 0
    if runner is not None:
        body, core = _network(runner, data)
    else:
        # Contrast says yes or no; the network's low levels have no meaning in it.
        body, core = (np.where(m > 0.45, m, 0) for m in by_contrast(data, sea))
    for field_ in (body, core):
        field_[~clear] = 0
    found = instances(body, core, data, runner is not None, scene.mean_pixel_m or 10.0)
    out = []
    for ship in found:
        ship.x += x0
        ship.y += y0
        if x <= ship.x < x + w and y <= ship.y < y + h:
            if min(ship.x, ship.y, scene.width - ship.x, scene.height - ship.y) < ship.length_px / 2 + 1:
                ship.flags.append("cut_by_edge")
            out.append(ship)
    return out, cells, sea_px, moved, empty


def read_bands(scene: Scene, x: int, y: int, w: int, h: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Reflectances of the bands that the scene has, float32, and where all of them hold data."""
    bands, valid = {}, np.ones((h, w), bool)
    for name in OPTICAL:
        if name in scene.bands:
            raw = scene.read(name, x, y, w, h).astype(np.float32)
            bad = ~np.isfinite(raw)
            if scene.nodata is not None:
                bad |= raw == scene.nodata
            raw[bad] = 0
            valid &= ~bad
            bands[name] = (raw + np.float32(scene.offset)) * np.float32(scene.scale)
    if scene.nodata is None:
        # Exports without a no-data value fill with zeros: no pixel is black in every band at once.
        valid &= np.max(np.stack(list(bands.values())), 0) > 0
    return bands, valid


def check_order(scene: Scene, bands: dict[str, np.ndarray], land: np.ndarray, clear: np.ndarray) -> None:
    """Raise `SceneFault` where the bands cannot be what their names say.

    Water is far darker than land in the infrared, and little darker in blue: where the coastline shows both, an
    infrared band that parts them less than the blue one is none.
    """
    infrared = bands.get("B11", bands.get("B08"))
    blue = bands.get("B02")
    sea, ground = clear & (land < 0.01), clear & (land > 0.99)
    if infrared is None or blue is None or sea.sum() < ENOUGH or ground.sum() < ENOUGH:
        return
    parted = [float(np.median(b[ground]) + FLOOR) / float(max(np.median(b[sea]), 0) + FLOOR) for b in (infrared, blue)]
    if parted[0] < 0.7 * parted[1]:
        raise SceneFault(
            scene.path,
            f"infrared parts land from water by a factor of {parted[0]:.1f} and blue by {parted[1]:.1f}: bands are swapped",
            "bands in the order that their names say",
        )


def check_dark(scene: Scene, bands: dict[str, np.ndarray], sea: Water, clear: np.ndarray) -> None:
    """Where no coastline is known: raise `SceneFault` where what looks like water is the bright part of the infrared.

    Water absorbs the short-wave infrared, so that everything else is brighter in it; bands in reverse order make the
    land look like water.
    """
    infrared = bands.get("B11")
    rest = clear & ~_open_water(sea.mask)
    if infrared is None or "B02" not in bands or sea.mask.sum() < ENOUGH or rest.sum() < ENOUGH:
        return
    ratio = float(np.median(infrared[sea.mask]) + FLOOR) / float(max(np.median(infrared[rest]), 0) + FLOOR)
    if ratio > 1.2:
        raise SceneFault(
            scene.path,
            f"what looks like water is {ratio:.1f} times as bright in the infrared as the rest: bands are swapped",
            "bands in the order that their names say",
        )


def clouds(
    scene: Scene, bands: dict[str, np.ndarray], x: int, y: int, w: int, h: int, land: np.ndarray | None = None
) -> np.ndarray:
    """Cloud and shadow: the product's classification, else large white patches and dark ground beside them.

    Thin cloud and cloud smaller than 300 m are not seen by the latter.
    """
    if "SCL" in scene.bands:
        return np.isin(scene.read("SCL", x, y, w, h), CLOUD_CLASSES)
    need = [bands[b] for b in ("B02", "B03", "B04") if b in bands]
    if len(need) < 3:
        return np.zeros((h, w), bool)
    low: np.ndarray = np.minimum.reduce(need)
    high: np.ndarray = np.maximum.reduce(need)
    # A display picture is stretched: its roofs and sand are light too, cloud is nearly white.
    bar = 0.82 if scene.scale == DISPLAY_SCALE else 0.22
    white = (low > bar) & (high < 1.35 * low) & (bands.get("B08", low) > bar)
    size = scene.mean_pixel_m or 10.0
    side = int(np.clip(290 / size, 5, 61)) | 1  # a cloud is larger than any roof: 300 m
    # Beyond the window's edge the cloud is taken to go on; a window wholly in cloud is cloud.
    core = ndimage.minimum_filter(white.view(np.uint8), side, mode="nearest")
    cloud = ndimage.maximum_filter(core, side + 2 * round(60 / size), mode="nearest") > 0
    dark = bands.get("B08", low)
    if land is None or not cloud.any():
        return cloud
    ground = (land > 0.5) & ~cloud
    if ground.sum() < 500:
        return cloud
    shade = ground & (dark < 0.5 * np.median(dark[ground]))
    wide = int(np.clip(150 / size, 3, 31)) | 1
    shade = ndimage.maximum_filter(ndimage.minimum_filter(shade.view(np.uint8), wide), wide) > 0
    near = ndimage.distance_transform_edt(~cloud) * size < 2500
    return cloud | (shade & near)


def _cells(mask: np.ndarray) -> np.ndarray:
    h, w = mask.shape
    padded = np.pad(mask.astype(np.float32), ((0, -h % 8), (0, -w % 8)), mode="edge")
    return padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8).mean((1, 3))


def _open_water(mask: np.ndarray) -> np.ndarray:
    return ndimage.binary_closing(mask, iterations=3) | mask


def _network(runner, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of hull and core by pixel, in overlapping windows.

    Near land the window is also shown turned and mirrored and the scores are averaged; over open water,
    where ships are plain, once is enough.
    """
    _, height, width = data.shape
    out = np.zeros((2, height, width), np.float32)
    step, m = NETWORK_TILE, NETWORK_MARGIN
    for y in range(0, height, step):
        for x in range(0, width, step):
            y0, x0 = max(0, y - m), max(0, x - m)
            y1, x1 = min(height, y + step + m), min(width, x + step + m)
            part = data[:, y0:y1, x0:x1]
            if part[6].any() and part[5].min() >= 1:
                continue  # land only
            coast = not part[6].any() or bool((part[5] > 0.5).any())
            z = _scores(runner, part, ((0, 1), (2, 1), (1, -1), (3, -1)) if coast else ((0, 1),))
            ye, xe = min(height, y + step), min(width, x + step)
            out[:, y:ye, x:xe] = z[:, y - y0 : ye - y0, x - x0 : xe - x0]
    out = 1 / (1 + np.exp(-out))
    return out[0], out[1]


def _scores(runner, part: np.ndarray, turns) -> np.ndarray:
    """Mean score over quarter turns and mirrorings of one window."""
    total: np.ndarray | None = None
    for quarter, mirror in turns:
        view = np.rot90(part, quarter, (1, 2))[:, :, ::mirror]
        pad = (-view.shape[1] % 8, -view.shape[2] % 8)
        padded = np.ascontiguousarray(np.pad(view, ((0, 0), (0, pad[0]), (0, pad[1])), mode="edge"))
        z = runner.run(None, {"x": padded[None]})[0][0][:, : view.shape[1], : view.shape[2]]
        back = np.rot90(z[:, :, ::mirror], -quarter, (1, 2))
        total = back if total is None else total + back
    assert total is not None
    return total / len(turns)


def by_contrast(data: np.ndarray, sea: Water) -> tuple[np.ndarray, np.ndarray]:
    """Hull and core maps from contrast alone: dry pixels outside the land polygons, slender parts."""
    noise = float(np.max(sea.spread[-2:])) / 2
    stand_off = data[:5].max(0)
    body = 1 / (1 + np.exp(-(stand_off - max(0.3, 4 * noise)) * 12)) * (1 - np.clip(2 * data[5], 0, 1))
    solid = body > 0.5
    # Wider than 80 m, or joined to land over a broad front, is no ship.
    wide = ndimage.binary_opening(solid, np.ones((3, 3)), iterations=3)
    body = np.where(ndimage.binary_dilation(wide, iterations=3), 0, body)
    inner = ndimage.minimum_filter(body, footprint=ndimage.generate_binary_structure(2, 1))
    return body.astype(np.float32), np.maximum(inner, np.where(_narrow(body > 0.5), body, 0)).astype(np.float32)


def _narrow(solid: np.ndarray) -> np.ndarray:
    return solid & ~ndimage.binary_dilation(ndimage.binary_erosion(solid), iterations=2)


def seeds_of(core: np.ndarray) -> tuple[np.ndarray, int]:
    """One label a ship: parts of the core map, parted further where they fall apart at a higher level.

    Rafted ships share a core at a low level; each keeps a peak of its own. Two peaks in line along one
    slender part are bow and stern of one hull unless the valley between them is deep.
    """
    eight = np.ones((3, 3))
    labels, _ = ndimage.label(core > LEVELS[0], eight)
    out = np.zeros(core.shape, np.int32)
    n = 0
    for i, box in enumerate(ndimage.find_objects(labels), 1):
        for y, x in _part(core[box], labels[box] == i, 0):
            n += 1
            out[y + box[0].start, x + box[1].start] = n
    return out, n


def _part(core: np.ndarray, mask: np.ndarray, level: int) -> list[tuple[np.ndarray, np.ndarray]]:
    y, x = np.nonzero(mask)
    if len(y) >= 6:
        for k in range(level + 1, len(LEVELS)):
            labels, n = ndimage.label(mask & (core > LEVELS[k]), np.ones((3, 3)))
            if n == 0:
                break
            peaks = ndimage.maximum(core, labels, np.arange(1, n + 1))
            sizes = ndimage.sum_labels(labels > 0, labels, np.arange(1, n + 1))
            # A part of its own needs a peak that stands clear of the level at which it parted.
            firm = [j + 1 for j in range(n) if sizes[j] >= 2 and peaks[j] > LEVELS[k] + 0.35 * (1 - LEVELS[k])]
            if len(firm) < 2 or _one_line(mask, labels, firm, LEVELS[k]):
                continue
            return [part for j in firm for part in _part(core, labels == j, k)]
    return [(y, x)]


def _one_line(mask: np.ndarray, labels: np.ndarray, parts: list[int], level: float) -> bool:
    """Whether the parts are pieces of one straight hull: in line along a slender whole, and parted only high up."""
    if level < 0.45:
        return False
    y, x = np.nonzero(mask)
    whole = rectangle(x, y, trim=0)
    if whole.length < 2.2 * whole.width or whole.length > 44:
        return False
    centres = np.array(ndimage.center_of_mass(labels > 0, labels, parts)) + 0.5
    across = -(centres[:, 1] - whole.x) * np.sin(whole.angle) + (centres[:, 0] - whole.y) * np.cos(whole.angle)
    return bool(np.ptp(across) < max(1.5, 0.35 * whole.width))


def instances(body: np.ndarray, core: np.ndarray, data: np.ndarray, learned: bool, size_m: float = 10.0) -> list[Ship]:
    """Single ships: each core takes the hull pixels nearest to it."""
    eight = np.ones((3, 3))
    seeds, n = seeds_of(core)
    hull = body > BODY
    loose, _ = ndimage.label(hull, eight)
    # Hull parts that hold no core are ships of their own (small craft have none).
    with_core = np.unique(loose[seeds > 0])
    extra = hull & ~np.isin(loose, with_core)
    more, k = ndimage.label(extra, eight)
    labels = np.where(more > 0, more + n, seeds)
    if n + k == 0:
        return []
    inside = hull | (core > LEVELS[0])
    distance, (iy, ix) = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    owner = np.where(inside & (distance <= 4), labels[iy, ix], 0)
    near_land = ndimage.binary_dilation(data[5] > 0.3, iterations=2)
    lie = ground(data, size_m) if learned else None
    out = []
    for i, box in enumerate(ndimage.find_objects(owner), 1):
        if box is None:
            continue
        part = owner[box] == i
        y, x = np.nonzero(part)
        y, x = y + box[0].start, x + box[1].start
        if len(y) < 3:
            continue
        out.append(_ship(y, x, body, core, data, near_land, lie, learned, i <= n, size_m))
    return out


def _ship(y, x, body, core, data, near_land, lie: Ground | None, learned: bool, has_core: bool, size_m: float) -> Ship:
    """One ship from its pixels."""
    weight = body[y, x]
    r = rectangle(x, y, weight)
    stand = data[:5, y, x].max(0)
    raw = {
        "core": float(np.sort(core[y, x])[-max(2, len(y) // 4) :].mean()),
        "body": float(weight.mean()),
        "pixels": float(len(y)),
        "stand_off": float(np.median(stand)),
        "aspect": r.length / max(r.width, 1),
        "length": r.length,
        "width": r.width,
        "land": float(data[5][y, x].mean()),
        "fill": len(y) / max(r.length * r.width, 1),
        "has_core": float(has_core),
        "around": _around(r, data),
    }
    if lie is not None:
        raw["run"] = dry_run(r, lie)
        raw.update({f"lie_{k}": v for k, v in describe(r, lie).items()})
    length = length_m(raw, size_m) / size_m if learned else r.length
    near = near_land[y, x]
    return Ship(
        x=r.x,
        y=r.y,
        length_px=length,
        length_sd_px=max(1.2, (LENGTH_SD if learned else 0.15) * length),
        width_px=r.width,
        width_sd_px=1.3,
        angle=r.angle,
        angle_sd=angle_sd(r.length, r.width),
        probability=probability(raw, learned, size_m),
        contrast=float(np.exp(2 * np.median(stand))),
        alongside=bool(near.mean() > 0.25),
        flags=["near_land"] if near.any() else [],
        features=raw,
    )


def _around(r: Rectangle, data: np.ndarray) -> float:
    """Share of dry pixels beyond bow and stern: a ship ends there, a breakwater or bridge goes on."""
    _, height, width = data.shape
    dry = 0
    total = 0
    for end in (-1, 1):
        for step in (2.5, 4.0, 5.5):
            for side in (-1.0, 0.0, 1.0):
                u = end * (r.length / 2 + step)
                px = int(r.x + u * np.cos(r.angle) - side * np.sin(r.angle))
                py = int(r.y + u * np.sin(r.angle) + side * np.cos(r.angle))
                if 0 <= px < width and 0 <= py < height:
                    total += 1
                    dry += data[5, py, px] > 0.5 or data[:5, py, px].max() > 0.35
    return dry / max(total, 1)


def _drop_doubles(ships: list[Ship]) -> list[Ship]:
    """A ship on a seam may be found by both tiles."""
    out: list[Ship] = []
    for ship in sorted(ships, key=lambda s: -s.probability):
        if all((ship.x - o.x) ** 2 + (ship.y - o.y) ** 2 > 9 for o in out):
            out.append(ship)
    return out


@lru_cache(maxsize=8)
def _session(network: str):
    """ONNX session on one thread, or None where onnxruntime is absent."""
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    file = resources.files("tumen.imagery").joinpath("weights/ships.onnx") if network == "builtin" else Path(network)
    if not file.is_file():
        return None
    data = file.read_bytes()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
