"""Stacks of containers on a yard or pier: is one there, how long, how much ground, how many boxes it may hold.

Takes the yard's window from each date (`window`), brought to one grid in metres; gives `Stack` for each date
(`measure`). A pixel counts as covered when it departs from the colour of the bare apron by more than the same
pixel does on the yard's emptier dates, so that sheds, cranes and painted ground, which never leave, are no stacks.
A box is 6.06 x 2.44 m on the ground (ISO 668, twenty foot); tiers cannot be seen from above and are an interval.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from tumen.imagery.areas import Area
from tumen.imagery.faults import need
from tumen.imagery.land import Land, land_share
from tumen.imagery.scene import Scene
from tumen.imagery.shape import rectangle

BOX_M2 = 6.06 * 2.44  # ground of one twenty-foot box, ISO 668
GRIDS_M = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)  # scenes of like pixels share a grid and can be compared
RING_M = 40.0  # ground round the yard that settles brightness and position
MAX_SIDE = 700  # pixels of a grid; larger yards are seen coarser
SHIFT = 2  # pixels by which a scene may lie off the others
SEED, GROW = 3.6, 2.2  # departures, in spreads of the bare ground, at which a stack is begun and followed
LEAST_M2 = 90.0  # six boxes: less is a lorry, a crane's foot, a shadow
SHADOW = -0.35  # log contrast in every band at once that is shadow, not steel
# Share of a stack's outline that is steel (the rest are lanes between rows), and chances of one, two, three tiers:
# settings of ours, from the way that reach stackers and forklifts work; nothing in a picture from above tells them.
PACKED = np.linspace(0.7, 0.97, 10)
TIERS = {1: 0.35, 2: 0.4, 3: 0.25}
# Logistic of `p_stack`: of the log of area over a hundred square metres, and of the mean departure.
INTERCEPT, BY_AREA, BY_EXCESS = -2.6, 1.3, 0.55
PRIOR = 0.3  # chance of a stack where nothing is known of the ground's other dates


@dataclass(frozen=True)
class Window:
    """A yard on one date: log reflectance (bands, rows, columns) on a grid of `step_m`, what can be seen, the yard."""

    yard: str
    scene_id: str
    time: dt.datetime | None
    group: tuple[Any, ...]  # windows with the same group can be compared
    data: np.ndarray
    seen: np.ndarray
    inside: np.ndarray
    step_m: float | None  # None: pixels of unknown size


@dataclass(frozen=True)
class Stack:
    """What one date shows on a yard; lengths and areas are None where the pixel size is not known."""

    p_stack: float
    references: int
    length_m: float | None = None
    area_m2: float | None = None
    area_sd_m2: float | None = None
    boxes: tuple[float, float, float] | None = None  # median, 5 % and 95 % point


def window(
    scene: Scene, area: Area, polygon: Any, usable: np.ndarray, land: Land | None = None, afloat: bool = False
) -> Window | None:
    """Read a yard's window; `polygon` is the area in the scene's pixels. Of a pier only what is land counts.

    With `afloat` the area is a berth that is judged for ships, and what is water counts, if a coastline tells.
    """
    yard = area.name
    shapely = need("shapely")
    size = scene.mean_pixel_m
    left, top, right, bottom = polygon.bounds
    step = size
    if scene.geo is not None and size is not None and not area.pixels:
        centre = area.polygon.centroid
        scale = 111_195.0 * np.array([np.cos(np.radians(centre.y)), 1.0])
        flat = shapely.transform(
            area.polygon, lambda p: (p - [centre.x, centre.y]) * scale * [1, -1]
        )  # metres, y south
        west, north, east, south = flat.bounds
        least = max(size * 0.9, (max(east - west, south - north) + 2 * RING_M) / MAX_SIDE)
        step = next((g for g in GRIDS_M if g >= least), GRIDS_M[-1])
        x = np.arange(west - RING_M, east + RING_M, step) + step / 2
        y = np.arange(north - RING_M, south + RING_M, step) + step / 2
        u, v = np.meshgrid(x, y)
        inside = shapely.contains_xy(flat, u, v)
        px, py = scene.geo.pixel(centre.x + (u / scale[0]).ravel(), centre.y - (v / scale[1]).ravel())
        px, py = np.reshape(px, u.shape), np.reshape(py, u.shape)
    else:
        pad = 4
        px, py = np.meshgrid(
            np.arange(int(left) - pad, int(right) + pad) + 0.5, np.arange(int(top) - pad, int(bottom) + pad) + 0.5
        )
        if max(px.shape) > MAX_SIDE:
            return None
        inside = shapely.contains_xy(polygon, px, py)
    if not inside.any():
        return None
    x0, y0 = max(0, int(px.min()) - 2), max(0, int(py.min()) - 2)
    x1, y1 = min(scene.width, int(px.max()) + 3), min(scene.height, int(py.max()) + 3)
    if x1 - x0 < 4 or y1 - y0 < 4 or (x1 - x0) * (y1 - y0) > 4 * MAX_SIDE**2 * 16:
        return None
    raw, valid = _layers(scene, x0, y0, x1 - x0, y1 - y0)
    at = np.array([py - 0.5 - y0, px - 0.5 - x0])
    fine = None if size is None or step is None else step / size
    if fine is not None and fine > 1.3:  # several pixels a cell: their mean, not the one in the middle
        raw = np.stack([ndimage.uniform_filter(b, round(fine)) for b in raw])
    data = np.stack([ndimage.map_coordinates(b, at, order=1, mode="nearest") for b in raw]).astype(np.float32)
    if afloat:
        share = None if scene.geo is None else land_share(land, scene.geo, x0, y0, x1 - x0, y1 - y0)
        if share is not None:
            wet = inside & (ndimage.map_coordinates(share, at, order=1, mode="nearest") < 0.5)
            # A berth that the coastline draws on land is judged as a whole.
            inside = wet if wet.sum() >= max(6, 0.15 * inside.sum()) else inside
    elif area.kind == "pier":
        # Without a coastline a pier's deck cannot be told from the ships at it.
        share = None if scene.geo is None else land_share(land, scene.geo, x0, y0, x1 - x0, y1 - y0)
        if share is None:
            return None
        inside = inside & (ndimage.map_coordinates(share, at, order=1, mode="nearest") > 0.5)
        if not inside.any():
            return None
    seen = ndimage.map_coordinates(valid.astype(np.float32), at, order=1, mode="constant") > 0.99
    cell = scene.height / usable.shape[0] if scene.kind == "sar" else 8.0
    cy = np.clip((py / cell).astype(int), 0, usable.shape[0] - 1)
    cx = np.clip((px / cell).astype(int), 0, usable.shape[1] - 1)
    seen &= usable[cy, cx] > 0.5
    group = (yard, scene.kind, tuple(sorted(scene.bands)), step, data.shape)
    return Window(yard, scene.scene_id, scene.start, group, data, seen, inside, step)


def _layers(scene: Scene, x: int, y: int, w: int, h: int) -> tuple[np.ndarray, np.ndarray]:
    """Log numbers of the scene's bands, and where they hold data."""
    if scene.kind == "optical":
        from tumen.imagery.optical import read_bands

        bands, valid = read_bands(scene, x, y, w, h)
        return np.stack([np.log(np.maximum(b, 0) + 0.02) for b in bands.values()]), valid
    from tumen.imagery.sar import polarisations

    raw = [scene.read(p, x, y, w, h).astype(np.float32) for p in polarisations(scene)]
    # Speckle is averaged over 3 x 3 pixels before the logarithm.
    return np.stack([np.log(ndimage.uniform_filter(b * b, 3) + 1) / 2 for b in raw]), raw[0] > 0


def measure(windows: list[Window]) -> list[Stack | None]:
    """What each window shows, held against the other dates of its group; None where half the yard is not seen."""
    out: list[Stack | None] = [None] * len(windows)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, w in enumerate(windows):
        groups.setdefault(w.group, []).append(i)
    for members in groups.values():
        told = [i for i in members if (windows[i].seen & windows[i].inside).sum() >= 0.5 * windows[i].inside.sum()]
        if told:
            for i, stack in zip(told, _group([windows[i] for i in told]), strict=True):
                out[i] = stack
    return out


def _group(windows: list[Window]) -> list[Stack]:
    inside = windows[0].inside
    data = np.stack([w.data for w in windows])  # (dates, bands, rows, columns)
    seen = np.stack([w.seen for w in windows])
    data = level_dates(data, seen)
    if len(windows) >= 3:
        data, seen = align_dates(data, seen)
    apron, spread = common_colour(data, seen, inside)
    off = data - apron[:, None, None]
    departure: np.ndarray = np.sqrt(np.mean((off / spread[:, None, None]) ** 2, axis=1))
    shadow = off.max(1) < SHADOW
    departure = np.where(shadow, np.minimum(departure, 1.0), departure)
    times = [w.time for w in windows]
    out = []
    for t, w in enumerate(windows):
        others = [k for k in range(len(windows)) if k != t and (times[k] != times[t] or times[t] is None)]
        fresh = _fresh(data, departure, seen, inside, shadow[t], t, others)
        out.append(_one(departure, fresh, seen, inside, t, others, w.step_m))
    return out


def _fresh(
    data: np.ndarray,
    departure: np.ndarray,
    seen: np.ndarray,
    inside: np.ndarray,
    shadow: np.ndarray,
    t: int,
    others: list[int],
) -> np.ndarray:
    """How far a date departs from the same pixel on the dates when it looked barest, in spreads of that difference.

    Boxes of many colours melt into the grey of the apron at 10 m; against the pixel's own bare look they still show.
    Nothing where the date itself is among the barest, so that ground laid bare is not taken for a stack.
    """
    if len(others) < 3:
        return np.zeros(inside.shape)
    smooth = np.stack([ndimage.uniform_filter(d, 3) for d in departure])
    rank = np.where(seen[others], smooth[others], np.inf)
    barest = np.argsort(rank, axis=0)[: max(2, len(others) // 3)]
    picks = np.take_along_axis(data[others], barest[:, None], axis=0)
    bare, level = picks.mean(0), np.take_along_axis(rank, barest, axis=0).mean(0)
    off = data[t] - bare
    spread = np.array([max(0.025, 1.4826 * float(np.median(np.abs(b - np.median(b))))) for b in off[:, inside]])
    away = np.sqrt(np.mean((off / spread[:, None, None]) ** 2, axis=0))
    away = np.where(shadow | (smooth[t] < 0.9 * level), 0.0, away - 1.0)
    return np.where(np.isfinite(level), away, 0.0)


def level_dates(data: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Dates brought to one brightness, band by band, by the pixels that change least."""
    if len(data) == 1:
        return data
    middle = np.median(data, axis=0)
    out = data.copy()
    for t in range(len(data)):
        for b in range(data.shape[1]):
            out[t, b] -= np.median((data[t, b] - middle[b])[seen[t]])
    return out


def align_dates(data: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dates shifted by whole pixels onto their median picture."""
    middle = np.median(data, axis=0)
    inner = (slice(SHIFT, -SHIFT), slice(SHIFT, -SHIFT))
    if min(middle.shape[1:]) <= 4 * SHIFT:
        return data, seen
    moved, kept = data.copy(), seen.copy()
    for t in range(len(data)):
        cost = {}
        for dy in range(-SHIFT, SHIFT + 1):
            for dx in range(-SHIFT, SHIFT + 1):
                there = np.roll(data[t], (dy, dx), (1, 2))
                cost[dy, dx] = float(np.abs(there - middle)[(slice(None), *inner)].clip(0, 0.5).mean()) + 0.002 * (
                    abs(dy) + abs(dx)
                )
        dy, dx = min(cost, key=lambda k: cost[k])
        if cost[dy, dx] < 0.9 * cost[0, 0]:
            moved[t] = np.roll(data[t], (dy, dx), (1, 2))
            kept[t] = np.roll(seen[t], (dy, dx), (0, 1))
    return moved, kept


def common_colour(data: np.ndarray, seen: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour of the bare ground: the one that comes back most often over the yard and its dates, and its spread."""
    points = np.concatenate([data[t][:, inside & seen[t]].T for t in range(len(data))])
    points = points[:: max(1, len(points) // 1500)]
    distance = np.sqrt(((points[:, None] - points[None]) ** 2).mean(2))
    k = max(3, int(0.15 * len(points)))
    near = np.argsort(np.partition(distance, k, axis=1)[:, k])[0]
    core = points[np.argsort(distance[near])[: 2 * k]]
    centre = np.median(core, axis=0)
    spread = 1.4826 * np.median(np.abs(core - centre), axis=0)
    return centre, np.maximum(spread, 0.07)


def _one(
    departure: np.ndarray,
    fresh: np.ndarray,
    seen: np.ndarray,
    inside: np.ndarray,
    t: int,
    others: list[int],
    step: float | None,
) -> Stack:
    """One date against the others."""
    rest = np.where(seen[others], departure[others], np.nan) if others else np.zeros((0, *inside.shape))
    count = np.isfinite(rest).sum(0)
    empty = np.full(inside.shape, 1.0)
    if len(others) >= 2:
        ordered = np.sort(np.where(np.isfinite(rest), rest, np.inf), axis=0)
        pick = np.maximum((0.3 * (count - 1)).astype(int), 0)
        level = np.take_along_axis(ordered, pick[None], 0)[0]
        empty = np.where((count >= 2) & np.isfinite(level), level, 1.0)
        # Position is known to half a pixel: the neighbours' level counts too where structures stand.
        empty = np.maximum(empty, ndimage.grey_dilation(np.minimum(empty, 8.0), 3) * 0.5)
    noise = np.maximum(0.8, 0.25 * empty)
    excess = np.where(inside & seen[t], np.maximum((departure[t] - empty) / noise, fresh), 0.0)
    eight = np.ones((3, 3))
    smooth = excess if step is None or step >= 5 else ndimage.median_filter(excess, 3)
    if step is not None and step < 5:  # lanes between rows of boxes belong to the stack
        reach = max(1, round(3.0 / step))
        smooth = ndimage.grey_closing(smooth, (2 * reach + 1, 2 * reach + 1))
    labels, n = ndimage.label(smooth > GROW, eight)
    cell = 1.0 if step is None else step * step
    best, parts = 0.0, []
    for i in range(1, n + 1):
        part = labels == i
        if smooth[part].max() < SEED:
            continue
        strong = float(np.median(smooth[part][smooth[part] >= np.median(smooth[part])]))
        rim = ndimage.binary_dilation(part, eight) & (labels == 0)
        share = np.clip(smooth / max(strong, SEED), 0, 1)
        area = float(share[part].sum() + share[rim].clip(0, 1).sum()) * cell
        if part.sum() < 3 or (step is not None and area < LEAST_M2):
            continue
        parts.append((area, part, strong, share))
        best = max(best, area)
    references = len(others)
    trust = {0: 0.35, 1: 0.5, 2: 0.75}.get(references, 1.0)  # of the evidence, by the dates it is held against
    if not parts:
        score = trust * np.log(0.03 / 0.97) + (1 - trust) * np.log(PRIOR / (1 - PRIOR))
        return Stack(float(1 / (1 + np.exp(-score))), references)
    parts.sort(key=lambda p: -p[0])
    area, part, strong, share = parts[0]
    total = sum(p[0] for p in parts)
    units = area / 100 if step is not None else part.sum()
    score = INTERCEPT + BY_AREA * np.log(max(units, 0.1)) + BY_EXCESS * (min(strong, 12) - SEED)
    score = trust * float(np.clip(score, -3.5, 5)) + (1 - trust) * np.log(PRIOR / (1 - PRIOR))
    p = float(1 / (1 + np.exp(-score)))
    if step is None:
        return Stack(p, references)
    core = part & (share > 0.5)
    y, x = np.nonzero(core if core.sum() >= 3 else part)
    length = rectangle(x, y, trim=0.01).length * step
    edge = sum(int((q[1] & ~ndimage.binary_erosion(q[1])).sum()) for q in parts)
    sd = float(np.hypot(0.12 * total, 0.5 * cell * np.sqrt(edge)))
    return Stack(p, references, length, total, sd, boxes(total, sd))


def boxes(area_m2: float, sd_m2: float) -> tuple[float, float, float]:
    """Twenty-foot boxes that a stack of this ground may hold: median, 5 % and 95 % point.

    >>> low_to_high = boxes(1000.0, 50.0)
    >>> low_to_high[1] < low_to_high[0] < low_to_high[2]
    True
    """
    from scipy.stats import norm

    grounds = np.maximum(area_m2 + sd_m2 * norm.ppf((np.arange(21) + 0.5) / 21), 0)
    value = (grounds[:, None, None] * PACKED[None, :, None] / BOX_M2) * np.array(list(TIERS))[None, None]
    weight = np.broadcast_to(np.array(list(TIERS.values()))[None, None], value.shape)
    order = np.argsort(value, axis=None)
    ranks = np.cumsum(weight.ravel()[order]) / weight.sum()
    at = [float(value.ravel()[order][np.searchsorted(ranks, q)]) for q in (0.5, 0.05, 0.95)]
    return at[0], at[1], at[2]
