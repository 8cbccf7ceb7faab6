"""From bright blobs in radar amplitude to ships: merging, parting, size, heading, flags, probability.

Takes the `Blob` objects of `sar.search`; gives `Ship` objects. Size is read mostly from the
cross-polarised band, where sea clutter and the sidelobes of corner reflectors are weaker.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from importlib import resources

import numpy as np

from tumen.imagery.sar import Blob
from tumen.imagery.scene import Scene
from tumen.imagery.shape import Rectangle, Ship, angle_sd, rectangle

UNTRIMMED_M = 200.0
TRIM_LEVELS = (0.006, 0.012, 0.025, 0.05, 0.1, 0.2, 0.4)  # of the peak's power
WIDEST_M = 130.0
MERGE_GAP_M = 45.0  # between fragments of one hull: bow and superstructure are often the only bright parts
FINE_M = 5.0  # pixels below it resolve the hull: no size model is needed
MAX_LENGTH_M = 430.0  # the longest ships are 400 m; blur adds to it


def ships(blobs: list[Blob], scene: Scene) -> list[Ship]:
    """Ships of a scene."""
    size = scene.mean_pixel_m or 10.0
    merged = merge(blobs, MERGE_GAP_M / size, MAX_LENGTH_M / size)
    out = [measure(b, size) for b in merged]
    _flag(out, merged, scene)
    return out


def merge(blobs: list[Blob], gap_px: float, longest_px: float) -> list[Blob]:
    """Join fragments that lie closer than `gap_px` and form one slender object together."""
    groups = [[i] for i in range(len(blobs))]
    if len(blobs) > 1:
        from scipy.spatial import cKDTree

        centres = np.array([[b.x.mean(), b.y.mean()] for b in blobs])
        reach = np.array([max(np.ptp(b.x), np.ptp(b.y)) / 2 for b in blobs])
        tree = cKDTree(centres)
        parent = list(range(len(blobs)))

        def root(i: int) -> int:
            while parent[i] != i:
                parent[i] = parent[parent[i]]
                i = parent[i]
            return i

        for i, j in sorted(tree.query_pairs(gap_px + 2 * min(float(reach.max()), longest_px))):
            if np.hypot(*(centres[i] - centres[j])) > gap_px + reach[i] + reach[j] + 2:
                continue
            if len(blobs[i].x) < 2 and len(blobs[j].x) < 2:
                continue
            if root(i) != root(j) and _one_hull(blobs[i], blobs[j], gap_px, longest_px):
                parent[root(i)] = root(j)
        by_root: dict[int, list[int]] = {}
        for i in range(len(blobs)):
            by_root.setdefault(root(i), []).append(i)
        groups = list(by_root.values())
    return [_union([blobs[i] for i in g]) for g in groups]


def _one_hull(a: Blob, b: Blob, gap_px: float, longest_px: float) -> bool:
    if len(a.x) > 3000 or len(b.x) > 3000:
        return False
    d = np.sqrt(((a.x[:, None] - b.x[None]) ** 2 + (a.y[:, None] - b.y[None]) ** 2).min())
    if d > gap_px:
        return False
    both = rectangle(np.concatenate([a.x, b.x]), np.concatenate([a.y, b.y]), trim=0)
    ra, rb = rectangle(a.x, a.y, trim=0), rectangle(b.x, b.y, trim=0)
    if both.length > longest_px:
        return False
    wider = both.width > 1.25 * max(ra.width, rb.width) + 1.5
    return not wider or (min(len(a.x), len(b.x)) <= 4 and d <= 2.5)


def _union(parts: list[Blob]) -> Blob:
    if len(parts) == 1:
        return parts[0]
    best = max(parts, key=lambda p: p.contrast)
    return Blob(
        y=np.concatenate([p.y for p in parts]),
        x=np.concatenate([p.x for p in parts]),
        amplitude=np.concatenate([p.amplitude for p in parts]),
        clutter=best.clutter,
        contrast=best.contrast,
        cores=sum(p.cores for p in parts),
        ring_share=best.ring_share,
        texture=best.texture,
    )


def trim(blob: Blob, size: float) -> Blob:
    """The blob without faint skirts and neighbours: the lowest level at which what is left could be one hull.

    Only a blob wider than 200 m is trimmed: the level rises from 22 to 4 dB below the peak until the strongest piece is no wider
    than 130 m in the picture (beam, blur and smear) and no longer than the longest ship.
    """
    if len(blob.x) < 6 or rectangle(blob.x, blob.y, trim=0).width * size <= UNTRIMMED_M:
        return blob
    level = _joint(blob)
    peak = _peak(level)
    best = blob
    for share in TRIM_LEVELS:
        kept = _strongest_piece(blob, level, max(2.0, share * peak))
        if kept is None:
            break
        best = kept
        r = rectangle(kept.x, kept.y, trim=0)
        if r.width * size <= WIDEST_M and r.length * size <= MAX_LENGTH_M:
            break
    return best


def _strongest_piece(blob: Blob, level: np.ndarray, bar: float) -> Blob | None:
    from scipy import ndimage

    keep = level >= bar
    if keep.sum() < 3:
        return None
    y, x = blob.y - blob.y.min() + 2, blob.x - blob.x.min() + 2
    grid = np.zeros((y.max() + 3, x.max() + 3), np.float32)
    grid[y[keep], x[keep]] = level[keep]
    # Pieces up to 4 pixels apart hang together: bow and superstructure of one hull.
    labels, n = ndimage.label(ndimage.binary_dilation(grid > 0, np.ones((5, 5))))
    if n > 1:
        power = ndimage.sum_labels(grid, labels, np.arange(1, n + 1))
        keep &= labels[y, x] == 1 + int(np.argmax(power))
    return replace(blob, y=blob.y[keep], x=blob.x[keep], amplitude=blob.amplitude[keep])


def _joint(blob: Blob) -> np.ndarray:
    """Geometric mean of the polarisations' contrasts: azimuth smear shows in one, range sidelobes in the other."""
    levels = blob.amplitude**2 / blob.clutter
    return np.sqrt(levels[:, 0] * levels[:, -1])


def _peak(values: np.ndarray) -> float:
    return float(np.sort(values)[-max(3, len(values) // 10) :].mean())


def features(blob: Blob, size: float) -> dict[str, float]:
    """What the size model reads, metres: extent along the hull, once from edges, once from spread.

    `edges_m` is the median over polarisations and levels of the extent of the pixels above a level;
    `spread_m` the median over polarisations of the length of a uniform bar of the same second moment.
    One is stretched by smear, the other by bright ends, so the smaller is the better one.
    """
    levels = blob.amplitude**2 / blob.clutter
    co, cross = levels[:, 0], levels[:, -1]
    peak_co, peak_cross = _peak(co), _peak(cross)
    weaker = np.minimum(co / peak_co, cross / peak_cross) * peak_cross if peak_co > 6 else cross
    edges, spreads, areas = [], [], []
    maps = (
        ("weaker", weaker, (0.03, 0.06, 0.12)),
        ("joint", np.sqrt(co * cross), (0.06, 0.12)),
        ("co", co, (0.06, 0.12)),
        ("cross", cross, (0.12,)),
    )
    for name, values, shares in maps:
        peak = _peak(values)
        weight = np.minimum(values, peak)
        r = rectangle(blob.x, blob.y, weight, trim=0)
        for share in shares:
            keep = values >= max(peak * share, 0.0 if name == "weaker" else 2.0)
            if keep.sum() < 2:
                keep = values >= np.sort(values)[-min(2, len(values))]
            edges.append(rectangle(blob.x[keep], blob.y[keep], trim=0).length)
            if share == 0.06:
                areas.append(float(keep.sum()))
        u = _along(blob.x, blob.y, r)
        root = np.sqrt(weight)
        mean = np.average(u, weights=root)
        spreads.append(np.sqrt(12 * np.average((u - mean) ** 2, weights=root)))
    long, spread = float(np.median(edges)) * size, float(np.median(spreads)) * size
    return {
        "edges_m": long,
        "spread_m": spread,
        "smaller_m": min(long, spread),
        "area_m": float(np.median(areas)) * size,
        "peak_cross": float(np.log(max(peak_cross, 1e-3))),
        "peak_co": float(np.log(max(peak_co, 1e-3))),
    }


def _along(x: np.ndarray, y: np.ndarray, r: Rectangle) -> np.ndarray:
    return (x + 0.5 - r.x) * np.cos(r.angle) + (y + 0.5 - r.y) * np.sin(r.angle)


@lru_cache(maxsize=1)
def model() -> dict:
    """Coefficients of the size and probability models (bench/imagery_s1_lengths.py --write makes them)."""
    return json.loads(resources.files("tumen.imagery").joinpath("weights/radar.json").read_text())


def predict_length_m(f: dict[str, float], m: dict) -> tuple[float, float]:
    """Length and its standard deviation, metres."""
    value = m["bias"] + sum(
        c * (f[n] - a) / s for n, c, a, s in zip(m["names"], m["coef"], m["mean"], m["scale"], strict=True)
    )
    value = float(np.clip(value, 8.0, 450.0))
    return value, float(np.hypot(m["sd_m"], m["sd_share"] * value))


def measure(blob: Blob, size: float) -> Ship:
    """One ship from one blob."""
    core = trim(blob, size)
    f = features(core, size)
    whole = rectangle(core.x, core.y, np.minimum(_joint(core), _peak(_joint(core))), trim=0)
    if size >= FINE_M:
        length, sd = predict_length_m(f, model()["length"])
        # Blur by the 20 m resolution cell makes every hull look wide; the mean length to beam of merchant
        # ships, 6.2, says more than the picture, which only moves it a little.
        width = 0.75 * length / 6.2 + 0.25 * max(whole.width * size - 20, 5)
        width_sd = max(6.0, 0.25 * width)
    else:
        length, width = whole.length * size, whole.width * size
        sd, width_sd = 0.08 * length + 2 * size, 0.15 * width + 2 * size
    score = {
        "log_contrast": float(np.log(blob.contrast)),
        "cores": float(np.log(max(blob.cores, 1))),
        "pixels": float(np.log(len(blob.x))),
        "texture": blob.texture,
        "ring": blob.ring_share,
    }
    return Ship(
        x=whole.x,
        y=whole.y,
        length_px=length / size,
        length_sd_px=sd / size,
        width_px=width / size,
        width_sd_px=width_sd / size,
        angle=whole.angle,
        angle_sd=angle_sd(whole.length, whole.width),
        probability=probability(score),
        contrast=blob.contrast,
        features={**f, **score},
    )


def probability(f: dict[str, float]) -> float:
    """Calibrated chance that a blob is a ship."""
    m = model()["probability"]
    score = m["bias"] + sum(m["coef"][n] * f[n] for n in m["coef"])
    return float(1 / (1 + np.exp(-np.clip(score, -30, 30))))


def _flag(found: list[Ship], blobs: list[Blob], scene: Scene) -> None:
    """Mark azimuth ambiguities, sidelobes and cut ships. Flags explain; they halve the probability of ghosts."""
    if not found:
        return
    x, y = np.array([s.x for s in found]), np.array([s.y for s in found])
    power = np.array([float((b.amplitude[:, 0] ** 2 / b.clutter[0]).sum()) for b in blobs])
    shift = getattr(scene.annotation, "azimuth_ambiguity_px", None)
    for i, ship in enumerate(found):
        if min(ship.x, ship.y, scene.width - ship.x, scene.height - ship.y) < ship.length_px / 2 + 1:
            ship.flags.append("cut_by_edge")
        if shift:
            # A ghost lies one ambiguity along azimuth (rows) from something 15 dB stronger.
            near = (np.abs(np.abs(y - ship.y) - shift) < 25) & (np.abs(x - ship.x) < 25) & (power > 30 * power[i])
            if near.any():
                ship.flags.append("azimuth_ambiguity")
                ship.probability *= 0.4
        close = (np.hypot(x - ship.x, y - ship.y) < 80) & (power > 60 * power[i])
        if close.any() and len(blobs[i].x) < 12:
            j = int(np.flatnonzero(close)[np.argmax(power[close])])
            if min(abs(x[j] - ship.x), abs(y[j] - ship.y)) < 3:  # sidelobes run along range and azimuth
                ship.flags.append("sidelobe")
                ship.probability *= 0.4
