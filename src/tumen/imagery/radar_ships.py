"""From bright blobs in radar amplitude to ships: sidelobes off, parting, joining, size, heading, flags, probability.

Takes the `Blob` objects of `sar.search`; gives `Ship` objects. A blob loses the crosses that very bright points
draw along range and azimuth, is parted where neighbours touch, and fragments of one hull are joined. Size is
read from both polarisations together: azimuth smear shows in one, range sidelobes in the other.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from importlib import resources

import numpy as np
from scipy import ndimage

from tumen.imagery.sar import Blob
from tumen.imagery.scene import Scene
from tumen.imagery.shape import Rectangle, Ship, angle_sd, rectangle

MERGE_GAP_M = 45.0  # between fragments of one hull: bow and superstructure are often the only bright parts
FINE_M = 5.0  # pixels below it resolve the hull: no size model is needed
MAX_LENGTH_M = 430.0  # the longest ships are 400 m; blur adds to it
WIDEST_M = 75.0  # one hull in the picture: a beam of at most 60 m and blur
WIDER, WIDER_PX = 1.25, 1.0  # one hull is at most so much wider than its parts
# Sidelobes of a point, of its power, from 3 pixels on along rows and columns: -17 dB, falling to -30 dB at 20
# pixels. Sentinel-1's weighted response has a peak sidelobe of -21 dB (S1-RS-MDA-52-7440); points next to it add.
SIDELOBE_3PX, SIDELOBE_FALL = 0.02, 1.6
VALLEY_DB = 2.5  # between two ships; speckle of the mean of two polarisations, smoothed, is 1 dB
PART_PIXELS = (12, 4000)  # fewer cannot be two ships, more are land
# Merchant ships: length is 6.4 times the beam, give or take 17 % (median and spread of the AIS dimensions of 93
# ships in the OpenSARShip chips).
LENGTH_TO_BEAM, BEAM_SHARE = 6.4, 0.15
# The length model is fitted on IW, where the resolution cell is 20 m. EW's is 90 m at pixels of 40 m and 50 m at 25 m,
# and lengthens hulls of 120 to 300 m by 0.86 of the difference, give or take a quarter (simulated: tests/
# test_imagery_sentinel1.py). No labelled EW product was at hand.
CELL_M, CELL_PX, CELL_SHARE, CELL_SD = 20.0, 2.2, 0.86, 0.25
COARSE_M = 15.0
TURN_SD = 0.35  # radians times width over length: of the same chips, against marked head and tail points
SHIP_SHARE = 2.0  # times the gap: a fragment longer than 90 m, blur included, is no bow
CAP = 8.0  # times the geometric mean of a hull: one corner reflector must not set the level of the edges


def ships(blobs: list[Blob], scene: Scene) -> list[Ship]:
    """Ships of a scene."""
    size = scene.mean_pixel_m or 10.0
    hulls = objects(blobs, size)
    out = [measure(b, size) for b in hulls]
    _flag(out, hulls, scene)
    return out


def objects(blobs: list[Blob], size: float) -> list[Blob]:
    """One blob a hull; `size` is the pixel in metres."""
    parts = [p for b in blobs for p in part(without_sidelobes(b), size)]
    return merge(parts, MERGE_GAP_M / size, MAX_LENGTH_M / size)


def _pick(blob: Blob, keep: np.ndarray) -> Blob:
    return replace(blob, y=blob.y[keep], x=blob.x[keep], amplitude=blob.amplitude[keep])


def without_sidelobes(blob: Blob) -> Blob:
    """The blob without pixels that the sidelobes of its brightest points explain."""
    level = _joint(blob)
    strong = np.flatnonzero(level * SIDELOBE_3PX >= 2)
    if len(level) < 6 or not len(strong) or len(level) > PART_PIXELS[1]:
        return blob
    dy, dx = np.abs(blob.y[:, None] - blob.y[strong]), np.abs(blob.x[:, None] - blob.x[strong])
    far, off = np.maximum(dy, dx), np.minimum(dy, dx)
    share = np.where((far >= 3) & (off <= 1), SIDELOBE_3PX * (3 / np.maximum(far, 3)) ** SIDELOBE_FALL, 0)
    return _pick(blob, level > 2 * (level[strong] * share).max(1))


def part(blob: Blob, size: float) -> list[Blob]:
    """Touching ships as blobs of their own.

    The blob is flooded from its summits down. Where two floods meet they are one hull if the valley between
    them is shallow, or if both together are as slender as one ship; else they stay apart. Slender blobs are
    left as they are.
    """
    box = rectangle(blob.x, blob.y, trim=0)
    fits = box.width * size <= WIDEST_M and box.length * size <= MAX_LENGTH_M
    if fits or not PART_PIXELS[0] <= len(blob.x) <= PART_PIXELS[1]:
        return [blob]
    y, x = blob.y - blob.y.min() + 2, blob.x - blob.x.min() + 2
    grid = np.zeros((y.max() + 3, x.max() + 3))
    grid[y, x] = _joint(blob)
    inside = ndimage.gaussian_filter((grid > 0).astype(float), 0.7)
    level = 10 * np.log10(np.maximum((ndimage.gaussian_filter(grid, 0.7) / np.maximum(inside, 1e-6))[y, x], 1e-3))
    label = np.full(grid.shape, -1)
    pixels: list[list[int]] = []
    summit: list[float] = []
    parent: list[int] = []

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i in np.argsort(-level, kind="stable"):
        v, u = int(y[i]), int(x[i])
        around = {root(k) for k in label[v - 1 : v + 2, u - 1 : u + 2].ravel().tolist() if k >= 0}
        if not around:
            label[v, u] = len(parent)
            parent.append(len(parent))
            pixels.append([int(i)])
            summit.append(float(level[i]))
            continue
        first, *others = sorted(around, key=lambda k: -summit[k])
        for other in others:
            shallow = len(pixels[other]) < 4 or summit[other] - level[i] < VALLEY_DB
            if shallow or _slender(y, x, pixels[first], pixels[other], MAX_LENGTH_M / size):
                parent[other] = first
                pixels[first] += pixels[other]
        label[v, u] = first
        pixels[first].append(int(i))
    return [_pick(blob, np.array(sorted(pixels[k]))) for k in range(len(parent)) if parent[k] == k]


def _slender(y: np.ndarray, x: np.ndarray, a: list[int], b: list[int], longest_px: float) -> bool:
    """Whether two sets of pixels together are as slender as the wider of them: one hull."""
    both, ra, rb = (rectangle(x[k], y[k], trim=0) for k in (a + b, a, b))
    return both.length <= longest_px and both.width <= WIDER * max(ra.width, rb.width) + WIDER_PX


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
    y, x = np.concatenate([a.y, b.y]), np.concatenate([a.x, b.x])
    if rectangle(x, y, trim=0).length > longest_px:
        return False
    ia, ib = list(range(len(a.x))), list(range(len(a.x), len(x)))
    if d > 2 and min(rectangle(p.x, p.y, trim=0).length for p in (a, b)) > SHIP_SHARE * gap_px:
        return False  # water between two pieces each of which is a ship by itself: moored bow to stern
    return _slender(y, x, ia, ib, longest_px) or (min(len(a.x), len(b.x)) <= 4 and bool(d <= 2.5))


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


def _joint(blob: Blob) -> np.ndarray:
    """Geometric mean of the polarisations' contrasts: azimuth smear shows in one, range sidelobes in the other."""
    levels = blob.amplitude**2 / blob.clutter
    return np.sqrt(levels[:, 0] * levels[:, -1])


def _peak(values: np.ndarray) -> float:
    """Level of the bright tenth of a hull, at most `CAP` times the hull's geometric mean."""
    top = float(np.sort(values)[-max(3, len(values) // 10) :].mean())
    return min(top, CAP * float(np.exp(np.log(np.maximum(values, 0.3)).mean())))


def features(blob: Blob, size: float) -> dict[str, float]:
    """What the size model reads, metres: extent along the hull, once from edges, once from spread.

    `edges_m` is the median over polarisations and levels of the extent of the pixels above a level;
    `spread_m` the median over polarisations of the length of a uniform bar of the same second moment.
    One is stretched by smear, the other by bright ends: how far they differ says how sure the length is.
    """
    levels = blob.amplitude**2 / blob.clutter
    co, cross = levels[:, 0], levels[:, -1]
    peak_co, peak_cross = (max(_peak(v), 1e-3) for v in (co, cross))  # one may hold nothing but zeros here
    weaker = np.minimum(co / peak_co, cross / peak_cross) * peak_cross if peak_co > 6 else cross
    edges, spreads = [], []
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
        u = _along(blob.x, blob.y, r)
        root = np.sqrt(np.maximum(weight, 1e-6))
        mean = np.average(u, weights=root)
        spreads.append(np.sqrt(12 * np.average((u - mean) ** 2, weights=root)))
    long, spread = float(np.median(edges)) * size, float(np.median(spreads)) * size
    return {
        "edges_m": long,
        "spread_m": spread,
        "peak_cross": float(np.log(max(peak_cross, 1e-3))),
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
    parts = (m["sd_m"], m["sd_share"] * value, m["sd_differ"] * (f["edges_m"] - f["spread_m"]))
    return value, float(np.sqrt(sum(v * v for v in parts)))


def axis(blob: Blob) -> tuple[float, float]:
    """Principal axis of a hull, radians from the x axis, and its standard deviation.

    Weights are the roots of the capped level, of pixels over 6 % of the peak: bright ends pull less. The deviation
    is in proportion to how stubby the hull is.
    """
    level = _joint(blob)
    peak = _peak(level)
    keep = level >= 0.06 * peak
    if keep.sum() < 3:
        keep[:] = True
    x, y, w = blob.x[keep], blob.y[keep], np.sqrt(np.clip(level[keep], 1e-6, max(peak, 1e-6)))
    x, y = x - np.average(x, weights=w), y - np.average(y, weights=w)
    xx, yy, xy = (float(np.average(v, weights=w)) for v in (x * x, y * y, x * y))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    spread = np.hypot((xx - yy) / 2, xy)
    long, short = (xx + yy) / 2 + spread + 1 / 12, (xx + yy) / 2 - spread + 1 / 12
    return float(angle), float(np.clip(TURN_SD * np.sqrt(short / long), 0.03, 0.9))


def measure(blob: Blob, size: float) -> Ship:
    """One ship from one blob."""
    f = features(blob, size)
    whole = rectangle(blob.x, blob.y, np.minimum(_joint(blob), _peak(_joint(blob))), trim=0)
    angle, turn_sd = whole.angle, angle_sd(whole.length, whole.width)
    if size >= FINE_M:
        length, sd = predict_length_m(f, model()["length"])
        if size > COARSE_M:
            cell = CELL_PX * size - CELL_M
            length, sd = max(length - CELL_SHARE * cell, 0.4 * length), float(np.hypot(sd, CELL_SD * cell))
        # The 20 m resolution cell blurs every hull to the same width: measured on real ships, the picture adds
        # nothing to what the length says of the beam (bench/imagery_s1_lengths.py).
        width = length / LENGTH_TO_BEAM
        width_sd = float(np.hypot(BEAM_SHARE * width, sd / LENGTH_TO_BEAM))
        angle, turn_sd = axis(blob)
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
        angle=angle,
        angle_sd=turn_sd,
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
        # Sidelobes run along range and azimuth from the brightest point; crumbs lie round the rim of a bright hull.
        for j in np.flatnonzero((power > 30 * power[i]) & (np.hypot(x - ship.x, y - ship.y) < 140)):
            big = blobs[j]
            if len(blobs[i].x) * 4 > len(big.x):
                continue
            top = int(np.argmax(big.amplitude[:, 0]))
            gap = np.hypot(big.x - ship.x, big.y - ship.y).min()
            off = min(abs(big.x[top] - ship.x), abs(big.y[top] - ship.y))
            if gap < 8 or (off < 3 and gap < 80):
                ship.flags.append("sidelobe")
                ship.probability *= 0.2
                break
