"""Ships in radar amplitude: strips, clutter blocks, low threshold, ring CFAR, growth, measurement.

Takes a `Scene` of amplitude numbers and land; gives `Candidate` objects with pixels' shape measures.
Screening thresholds compare the raw numbers with the local clutter of the same numbers: calibration
and thermal noise scale both sides alike, so nothing is calibrated pixel by pixel. After Crisp 2004
(DSTO-RR-0272), Pelich et al. 2015 and Greidanus et al. 2017 (SUMO).
"""

from __future__ import annotations

import datetime as dt
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from tumen.imagery import kernels
from tumen.imagery.clutter import BINS, OCTAVE_LOW, tails
from tumen.imagery.faults import SceneFault
from tumen.imagery.geolocation import AffineMap, TieGrid
from tumen.imagery.land import Land, draw_land, scene_land
from tumen.imagery.scene import Scene

BLOCK = kernels.BLOCK
STRIP = 16 * BLOCK  # rows read at a time: with margins 128 MB for two polarisations of 25,000 columns
MARGIN = 2 * BLOCK  # rows shared by neighbouring strips: a ship of 400 m at 10 m is 40 pixels, its ring 48
GROUP = 16  # blocks a side of a region whose clutter family is fitted: 10 km in IW
GUARD, RING = 22, 44  # half sides of the ring, pixels: 6,000 pixels outside a ship of 400 m
LOW = 0.85  # the low threshold against the final one: fluctuation of block against ring mean
GROW_PFA = 2e-3  # edge of a ship: still four deviations of the mean of two polarisations
FILL_STEPS = 4  # blocks that a mean is carried into narrow water: 2.5 km in IW
# Largest strip, pixels, and the steps in rows and columns of the samples for its histograms: at least 300,000.
SAMPLING = ((300_000, (1, 1)), (2_000_000, (2, 3)), (8_000_000, (4, 3)), (np.inf, (8, 3)))
ZERO_BORDERS = dt.datetime(2018, 3, 13, tzinfo=dt.UTC)  # processor IPF 2.90: no noise beyond the border any more
EDGE, WINDOW, BORDER_SHARE = 512, 16, 0.3  # pixels from an edge where border noise is looked for; see _cut_border
BORDER = 0.02  # of the median intensity; border noise of products before IPF 2.90 lies far below any sea
MODEL_M = 10.0  # pixels of IW and of most stripmap products, for which rings and the length model are made
CORRELATED = 4.5  # so many pixels of a full-resolution product (9 m on pixels of 3.5 m) have one speckle in common
MAX_OBJECT = 60_000  # pixels; larger is land or a wind front


@dataclass(frozen=True)
class Blob:
    """One grown bright object: pixels (rows y, x; image coordinates) and how it stands out."""

    y: np.ndarray
    x: np.ndarray
    amplitude: np.ndarray  # (pixels, polarisations), raw numbers
    clutter: np.ndarray  # mean intensity of the ring by polarisation
    contrast: float  # brightest channel over its threshold
    cores: int  # pixels over the final threshold
    ring_share: float  # share of the ring that was usable water
    texture: float  # variance of the mean channel over mean squared, in the region


@dataclass(frozen=True)
class Searched:
    """What one pass over a scene gives."""

    blobs: list[Blob]
    usable: np.ndarray  # share of pixels with data in each 64 x 64 block
    water_px: float
    families: dict[str, int]
    zero_rows: tuple[int, int] | None  # first and last of a run of empty lines inside the image
    land: list[Any]  # polygons in pixel coordinates


def polarisations(scene: Scene) -> list[str]:
    """Co-polarised band first, cross-polarised second."""
    order: list[str] = ["VV", "HH", "VH", "HV"]
    return [p for p in order if p in scene.bands][:2]


def search(
    scene: Scene,
    land: Land | None,
    pfa: float,
    looks: float,
    threads: int = 2,
    progress: Callable[[float], None] | None = None,
    mask: np.ndarray | None = None,
) -> Searched:
    """Search a scene strip by strip. `mask` (height x width, 1 = land) adds to the land polygons."""
    pols = polarisations(scene)
    out: list[tuple[int, list[Blob], dict[str, Any], dict[str, int], np.ndarray]] = []
    known = getattr(scene.annotation, "noise", {})
    floors = [known[p] for p in pols] if all(p in known for p in pols) else None
    outlines = scene_land(land, scene.geo, scene.width, scene.height)
    # One strip a thread, one that is being read.
    buffers: queue.Queue = queue.Queue()
    for _ in range(threads + 1):
        buffers.put(None)  # filled by the reader, which knows the type of the numbers
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[tuple[Future, _Strip]] = []

        def collect() -> None:
            job, done = waiting.pop(0)
            out.append(job.result())
            buffers.put(done.whole)

        for strip in _read(scene, pols, threads, buffers):
            waiting.append((pool.submit(_strip, outlines, strip, pfa, looks, mask, floors), strip))
            while len(waiting) > threads:
                collect()
            if progress:
                progress(strip.y0 / scene.height)
        while waiting:
            collect()
    blobs = [b for _, bs, *_ in out for b in bs]
    usable = np.concatenate([o[2]["valid"] for o in out])
    water = sum(o[2]["water"] for o in out)
    kinds: dict[str, int] = {}
    for o in out:
        for k, n in o[3].items():
            kinds[k] = kinds.get(k, 0) + n
    empty = np.concatenate([o[4] for o in out]) if out else np.zeros(0, bool)
    if not usable.any():
        raise SceneFault(scene.path, "no pixel holds data", "an image")
    return Searched(blobs, usable, water, kinds, _inner_run(empty), outlines)


@dataclass
class _Strip:
    y0: int  # first image row of the arrays
    first: int  # rows first..last of the arrays are this strip's own
    last: int
    images: list[np.ndarray]
    whole: list[np.ndarray]  # the buffers that the images are views of
    ends: bool  # whether the image ends here
    old: bool  # from a processor that leaves noise beyond the border


def _read(scene: Scene, pols: list[str], threads: int, buffers: queue.Queue) -> Iterator[_Strip]:
    """Strips with margins, read ahead by a thread of its own into buffers that are used again and again.

    Reading ends at multiples of STRIP, so that tiles of a COG are unpacked once; the margins are copied from
    the strip before. `buffers` holds the sets of buffers that are free, None for one that is yet to be made.
    """
    ready: queue.Queue = queue.Queue(maxsize=1)
    stop = threading.Event()
    old = scene.sensor == "Sentinel-1" and scene.start is not None and scene.start < ZERO_BORDERS

    def fill() -> None:
        held: list[np.ndarray] | None = None  # the strip before, whose last rows begin the next
        held_y = held_end = 0
        try:
            while held_end < scene.height and not stop.is_set():
                end = min(held_end + STRIP, scene.height)
                if scene.height - end < 2 * MARGIN + BLOCK:  # the last piece would be mostly margin
                    end = scene.height
                y0 = max(0, held_end - 2 * MARGIN)
                room = STRIP + 4 * MARGIN + BLOCK
                images, made = [], []
                whole = buffers.get()
                if stop.is_set():
                    return
                for k, pol in enumerate(pols):
                    kept = held_end - y0
                    first = None
                    if whole is None:
                        first = _amplitude(scene.read(pol, 0, held_end, scene.width, end - held_end, None, threads))
                        buffer = np.empty((min(room, scene.height), scene.width), first.dtype)
                    else:
                        buffer = whole[k]
                    if kept and held is not None:
                        buffer[:kept] = held[k][y0 - held_y : held_end - held_y]
                    target = buffer[kept : end - y0]
                    if first is not None:
                        target[:] = first
                    elif buffer.dtype == np.float32:
                        target[:] = _amplitude(scene.read(pol, 0, held_end, scene.width, end - held_end, None, threads))
                    else:
                        got = scene.read(pol, 0, held_end, scene.width, end - held_end, target, threads)
                        if not np.may_share_memory(got, target):
                            target[:] = got  # a band of another grid
                    made.append(buffer)
                    images.append(buffer[: end - y0])
                own0 = 0 if held is None else held_end - MARGIN
                own1 = end if end == scene.height else end - MARGIN
                ready.put(_Strip(y0, own0 - y0, own1 - y0, images, made, end == scene.height, old))
                held, held_y, held_end = images, y0, end
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    reader = threading.Thread(target=fill, daemon=True)
    reader.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                return
            yield item
    finally:
        stop.set()
        buffers.put(None)
        while reader.is_alive():
            try:
                ready.get(timeout=0.05)
            except queue.Empty:
                continue


class Multilooked(Scene):
    """A radar scene seen with `fold` times larger pixels, each the root of the mean intensity that it covers."""

    fold: int
    fine: Scene

    def read(self, name: str, x: int, y: int, width: int, height: int, out=None, threads: int = 1) -> np.ndarray:
        """As `Scene.read`, in the larger pixels; a pixel without data in it has none."""
        k = self.fold
        raw = _amplitude(self.fine.read(name, x * k, y * k, width * k, height * k, threads=threads))
        parts = raw.reshape(height, k, width, k).astype(np.float32)
        mean = np.sqrt((parts**2).mean((1, 3)))
        return np.where((parts == 0).any((1, 3)), np.float32(0), mean)


def multilooked(scene: Scene, fold: int) -> Multilooked:
    """The scene with pixels `fold` times as large; a rest at the right and lower edge is left out."""
    geo = scene.geo
    if isinstance(geo, TieGrid):
        geo = TieGrid(geo.lines / fold, geo.pixels / fold, geo.lon, geo.lat, geo.incidence)
    elif geo is not None:
        a, b, c, d, e, f = geo.transform
        geo = AffineMap((a * fold, b * fold, c, d * fold, e * fold, f), geo.crs)
    state = {name: value for name, value in scene.__dict__.items() if name != "_open"}
    pixel = None if scene.pixel_m is None else (scene.pixel_m[0] * fold, scene.pixel_m[1] * fold)
    state.update(width=scene.width // fold, height=scene.height // fold, geo=geo, pixel_m=pixel, annotation=None)
    made = Multilooked(**state)
    object.__setattr__(made, "fold", fold)
    object.__setattr__(made, "fine", scene)
    return made


def _amplitude(image: np.ndarray) -> np.ndarray:
    """Whole numbers as they are; floats (calibrated, or decibels) made amplitude with 0 for no data."""
    if image.dtype == np.uint16 or image.dtype == np.uint8:
        return image
    made = np.nan_to_num(image.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if np.issubdtype(image.dtype, np.floating) and made.size and np.median(made) < 0:
        return np.where(made == 0, 0, 10 ** (made / 20)).astype(np.float32)  # decibels of intensity
    return np.maximum(made, 0)


def _strip(
    outlines: list[Any], strip: _Strip, pfa: float, looks: float, extra: np.ndarray | None, floors: list[Any] | None
):
    images = strip.images
    a = images[0]
    two = len(images) > 1
    b = images[1] if two else a
    height, width = a.shape
    mask = _land_mask(outlines, strip.y0, width, height, extra)
    use_land = mask is not None
    land_array = mask if mask is not None else np.zeros((1, 1), np.uint8)
    shape = (-(-height // BLOCK), -(-width // BLOCK))
    if strip.old and width >= 2 * EDGE:
        _cut_border(images, strip.y0 == 0, strip.ends)
    mean_a, water, valid = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    kernels.block_means(a, land_array, use_land, mean_a, water, valid)
    mean_b = mean_a
    if two:
        mean_b, water_b, valid_b = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        kernels.block_means(b, land_array, use_land, mean_b, water_b, valid_b)
        mean_a[mean_b <= 0] = 0
        mean_b[mean_a <= 0] = 0
    # Border noise of old products: a rim of tiny numbers where there is no data.
    live = mean_a[mean_a > 0]
    if len(live):
        rim = mean_a < BORDER * np.median(live)
        mean_a[rim] = 0
        if two:
            mean_b[rim] = 0
        valid[rim & (valid > 0) & (water > 0)] = 0
    if use_land:
        _fill(mean_a, water, valid)
        if two:
            _fill(mean_b, water, valid)
    groups = (-(-shape[0] // GROUP), -(-shape[1] // GROUP))
    counts = np.zeros((*groups, 3, BINS), np.int64)
    steps = next(s for size, s in SAMPLING if a.size <= size)
    kernels.histograms(a, b, two, land_array, use_land, mean_a, mean_b, GROUP, *steps, OCTAVE_LOW, counts)
    limits, grow_limit, texture, names = _limits(counts, pfa, looks, two)
    spread = lambda v: np.repeat(np.repeat(v, GROUP, 0), GROUP, 1)[: shape[0], : shape[1]]  # noqa: E731
    own = np.zeros(shape[0], bool)
    own[strip.first // BLOCK : -(-strip.last // BLOCK)] = True
    tall = np.minimum(BLOCK, height - np.arange(shape[0]) * BLOCK)[:, None]
    wide = np.minimum(BLOCK, width - np.arange(shape[1]) * BLOCK)[None]
    totals = {"valid": valid[own], "water": float((water * valid * tall * wide)[own].sum())}
    empty = ~a[strip.first : strip.last, :: max(1, width // 512)].any(axis=1)
    low = [spread(limits[..., c]) * LOW for c in range(3)]
    found = np.empty((max(200_000, a.size // 200), 2), np.int32)
    # Candidates of the margins too, so that a ship across the seam is whole in the strip that owns its core.
    n = kernels.candidates(a, b, two, land_array, use_land, mean_a, mean_b, *low, found, 0, height)
    if n > len(found):
        n = len(found)
    if n == 0:
        return strip.y0, [], totals, names, empty
    blobs = _settle(images, land_array, use_land, mean_a, mean_b, found[:n], limits, grow_limit, texture, strip, floors)
    return strip.y0, blobs, totals, names, empty


def _cut_border(images: list[np.ndarray], first: bool, last: bool) -> None:
    """Set the border noise of old products to no data, in place: a rim of small numbers before the sea begins.

    From each edge inwards, windows of 16 pixels are no sea until one holds 0.3 of the level beyond the rim. Sea that
    dark up to 512 pixels from an edge would be lost with it; darker and wider parts stay. Processors since IPF 2.90
    write zeros there, and nothing is cut.
    """
    # Top and bottom before the sides: a row that is all rim has no sea to be held against.
    sides = [lambda v: v.T] * first + [lambda v: v[::-1].T] * last + [lambda v: v, lambda v: v[:, ::-1]]
    for turned in sides:
        views = [turned(image) for image in images]
        edge = min(EDGE, views[0].shape[1] // 2 // WINDOW * WINDOW)
        if edge < EDGE // 4:
            continue
        near = views[0][:, : 2 * edge].astype(np.float32)
        windows = (near * near).reshape(len(near), 2 * edge // WINDOW, WINDOW).mean(2)
        beyond = windows[:, edge // WINDOW :]
        level = np.median(beyond, axis=1)
        if not level.any():
            continue
        place, full = np.arange(len(level)), level > BORDER_SHARE * np.median(level[level > 0])
        level = ndimage.median_filter(np.interp(place, place[full], level[full]), 65, mode="nearest")
        # Land behind a narrow sea must not make rim of the sea: the level is at most thrice that of the dark side.
        level = np.minimum(level, 3 * float(np.percentile(level, 5)))
        sea = windows > BORDER_SHARE * level[:, None]
        begins = sea.argmax(1)
        cut = np.where((begins > 0) & (begins * WINDOW < edge), begins * WINDOW + WINDOW // 2, 0)
        cut[~sea.any(1) & ~beyond.any(1)] = edge  # a corner: the rest of the row is cut already
        if not cut.any():
            continue
        rim = np.arange(int(cut.max()))[None] < cut[:, None]
        for view in views:
            part = view[:, : rim.shape[1]]
            part[rim] = 0


def _fill(mean: np.ndarray, water: np.ndarray, valid: np.ndarray) -> None:
    """Blocks with too little water for a mean of their own take that of their neighbours: basins, narrow channels."""
    for _ in range(FILL_STEPS):
        bare = (mean <= 0) & (water > 0) & (valid > 0)
        if not bare.any():
            return
        known = (mean > 0).astype(float)
        around = ndimage.uniform_filter(known, 3, mode="constant")
        made = ndimage.uniform_filter(np.maximum(mean, 0) * known, 3, mode="constant")
        use = bare & (around > 1e-6)
        mean[use] = made[use] / around[use]


def _limits(counts, pfa, looks, two):
    """Final thresholds, growth threshold and texture by region; and how often each family was chosen."""
    groups = counts.shape[:2]
    limits, grow_limit, texture = np.full((*groups, 3), 1e9), np.full(groups, 1e9), np.zeros(groups)
    # The rate is shared between the tests, so that a pixel is wrong with the stated rate in all.
    shares = (pfa / 4, pfa / 4, pfa / 2) if two else (pfa,)
    names: dict[str, int] = {}
    seen = counts[:, :, 0].sum(-1).ravel() >= 20
    for c, share in enumerate(shares):
        fits = tails(counts[:, :, c].reshape(-1, counts.shape[-1])[seen], looks * (2 if c == 2 else 1))
        limits.reshape(-1, 3)[seen, c] = [fit.at(share) for fit in fits]
        if c == len(shares) - 1:
            grow_limit.reshape(-1)[seen] = [fit.at(GROW_PFA) for fit in fits]
            texture.reshape(-1)[seen] = [fit.variance for fit in fits]
            for fit in fits:
                names[fit.family] = names.get(fit.family, 0) + 1
    if not two:
        limits[..., 1:] = limits[..., :1]
    return limits, grow_limit, texture, names


def _floor_step(floor: Any, ring: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Expected level at a place over that of its ring: by how much the noise floor differs between the two.

    Noise steps by up to 2 dB where sub-swaths meet, and waves along azimuth; in weak cross-polarised seas it is most of
    what the ring sees. Numbers squared hold clutter plus noise, and both fluctuate alike, so that the test stays one of
    raw numbers and only the ring's mean moves. A floor above what is measured (old processors) is not believed.
    """
    far = (GUARD + RING) // 2
    here = floor.points(x, y)
    around = np.mean([floor.points(x + dx, y + dy) for dx in (-far, 0, far) for dy in (-far, 0, far) if dx or dy], 0)
    step = (ring - around + here) / np.maximum(ring, 1e-9)
    return np.where(around < ring, np.clip(step, 0.6, 1.7), 1.0)


def _settle(images, land, use_land, mean_a, mean_b, found, limits, grow_limit, texture, strip, floors) -> list[Blob]:
    """Ring CFAR at the candidates, growth of what passes, blobs whose brightest core this strip owns."""
    a = images[0]
    two = len(images) > 1
    b = images[1] if two else a
    y, x = found[:, 0].astype(np.int64), found[:, 1].astype(np.int64)
    # One ring a cell of 8 x 8 pixels: rings of neighbours differ by less than their own noise.
    cell = (y // 8) * 1_000_000 + x // 8
    cells, inverse = np.unique(cell, return_inverse=True)
    cy, cx = (cells // 1_000_000) * 8 + 4, (cells % 1_000_000) * 8 + 4
    cy, cx = np.minimum(cy, a.shape[0] - 1), np.minimum(cx, a.shape[1] - 1)
    region = (
        np.minimum(cy // BLOCK // GROUP, limits.shape[0] - 1),
        np.minimum(cx // BLOCK // GROUP, limits.shape[1] - 1),
    )
    limit = limits[region]
    rings: list[np.ndarray] = []
    share = np.zeros(len(cy))
    for channel, (image, mean) in enumerate(zip(images, (mean_a, mean_b), strict=False)):
        ring, used = kernels.ring_mean(image, land, use_land, mean, cy, cx, GUARD, RING, kernels.CLIP)
        block = mean[np.minimum(cy // BLOCK, mean.shape[0] - 1), np.minimum(cx // BLOCK, mean.shape[1] - 1)]
        # In narrow water the ring holds too little: fall back on the block, which was clipped and land-free.
        ring = np.where(used >= 300, ring, np.maximum(block, 1e-9))
        if floors is not None:
            ring = ring * _floor_step(floors[channel], ring, cx + 0.5, cy + strip.y0 + 0.5)
        rings.append(ring)
        if channel == 0:
            share = used / ((2 * RING + 1) ** 2 - (2 * GUARD + 1) ** 2)
    values = [image[y, x].astype(float) ** 2 / r[inverse] for image, r in zip(images, rings, strict=True)]
    tests = [v / limit[inverse, c] for c, v in enumerate(values)]
    if two:
        tests.append((values[0] + values[1]) / 2 / limit[inverse, 2])
    strength = np.max(tests, axis=0)
    seeds = np.flatnonzero(strength > 1)
    if not len(seeds):
        return []
    order = seeds[np.argsort(-strength[seeds])]
    inv = [1 / r[inverse[order]] for r in rings]
    low = grow_limit[region][inverse[order]]
    room = max(500_000, 40 * len(order))
    label, gy, gx = (np.empty(room, np.int32) for _ in range(3))
    taken = np.zeros(a.shape, np.uint8)
    objects, total = kernels.grow(
        a, b, two, land, use_land, y[order], x[order], inv[0], inv[-1], low, taken, MAX_OBJECT, label, gy, gx
    )
    label, gy, gx = label[:total], gy[:total], gx[:total]
    starts = np.searchsorted(label, np.arange(objects + 1))
    # The first pixel of an object is its brightest core; `keys` finds a core's row among the candidates.
    keys = y[order] * a.shape[1] + x[order]
    sorting = np.argsort(keys)
    keys = keys[sorting]
    pixel_keys = gy.astype(np.int64) * a.shape[1] + gx
    spot = np.minimum(np.searchsorted(keys, pixel_keys), len(keys) - 1)
    is_core = keys[spot] == pixel_keys
    out = []
    for k in range(objects):
        s, e = starts[k], starts[k + 1]
        if not strip.first <= gy[s] < strip.last:
            continue
        head = order[sorting[spot[s]]]
        py, px = gy[s:e], gx[s:e]
        cores = int(is_core[s:e].sum())
        c = inverse[head]
        out.append(
            Blob(
                y=py.astype(np.int64) + strip.y0,
                x=px.astype(np.int64),
                amplitude=np.stack([image[py, px] for image in images], 1).astype(np.float64),
                clutter=np.array([r[c] for r in rings]),
                contrast=float(strength[head]),
                cores=cores,
                ring_share=float(share[c]),
                texture=float(texture[region[0][c], region[1][c]]),
            )
        )
    return out


def _land_mask(outlines: list[Any], y0: int, width: int, height: int, extra: np.ndarray | None) -> np.ndarray | None:
    mask = draw_land(outlines, 0, y0, width, height)
    if extra is not None:
        part = np.ascontiguousarray(extra[y0 : y0 + height])
        mask = part if mask is None else mask | part
    return mask if mask is not None and mask.any() else None


def _inner_run(empty: np.ndarray) -> tuple[int, int] | None:
    """Longest run of empty lines that has data above and below it."""
    full = np.flatnonzero(~empty)
    if not len(full):
        return None
    inside = np.flatnonzero(empty[full[0] : full[-1] + 1]) + full[0]
    return (int(inside[0]), int(inside[-1])) if len(inside) else None
