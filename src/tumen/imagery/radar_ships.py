"""From bright blobs in radar amplitude to ships: merging, parting, size, heading, flags, probability.

Takes the `Blob` objects of `sar.search`; gives `Ship` objects. Size is read mostly from the
cross-polarised band, where sea clutter and the sidelobes of corner reflectors are weaker.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources

import numpy as np

from tumen.imagery.sar import Blob
from tumen.imagery.scene import Scene
from tumen.imagery.shape import Rectangle, Ship, angle_sd, rectangle

MERGE_GAP_M = 45.0  # between fragments of one hull: bow and superstructure are often the only bright parts
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


def features(blob: Blob, size: float) -> dict[str, float]:
    """What the size model reads: extents along the hull at several levels, by polarisation, metres."""
    levels = blob.amplitude**2 / blob.clutter
    cross = levels[:, -1]
    made: dict[str, float] = {}
    whole = rectangle(blob.x, blob.y, np.minimum(np.sqrt(cross), 30), trim=0)
    made["grown_m"], made["grown_width_m"] = whole.length * size, whole.width * size
    for name, values in (("co", levels[:, 0]), ("cross", cross)):
        peak = np.sort(values)[-max(1, len(values) // 20) :].mean()
        for db in (10, 16):
            keep = values >= max(peak * 10 ** (-db / 10), 1.5)
            r = _project(blob.x[keep], blob.y[keep], whole)
            made[f"{name}_{db}_m"] = r * size
        made[f"{name}_peak_db"] = float(10 * np.log10(max(peak, 1e-3)))
        weight = np.sqrt(values)
        u = _along(blob.x, blob.y, whole)
        mean = np.average(u, weights=weight)
        # A uniform bar of length L has a standard deviation of L / sqrt(12).
        made[f"{name}_spread_m"] = float(np.sqrt(12 * np.average((u - mean) ** 2, weights=weight))) * size
    made["area_m"] = float(np.sqrt(len(blob.x))) * size
    return made


def _along(x: np.ndarray, y: np.ndarray, r: Rectangle) -> np.ndarray:
    return (x + 0.5 - r.x) * np.cos(r.angle) + (y + 0.5 - r.y) * np.sin(r.angle)


def _project(x: np.ndarray, y: np.ndarray, r: Rectangle) -> float:
    u = _along(x, y, r)
    return float(np.ptp(u) + 1) if len(u) else 1.0


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
    f = features(blob, size)
    levels = blob.amplitude**2 / blob.clutter
    whole = rectangle(blob.x, blob.y, np.minimum(np.sqrt(levels[:, -1]), 30), trim=0)
    length, sd = (
        predict_length_m(f, model()["length"])
        if size >= 5
        else (whole.length * size, 0.1 * whole.length * size + 2 * size)
    )
    # Blur by the 20 m resolution cell and by sidelobes makes every hull look wide: the mean beam of
    # merchant ships is a sixth of the length; the picture only moves that a little.
    width = 0.75 * length / 6.2 + 0.25 * max(whole.width * size - 20, 5)
    cores = max(blob.cores, 1)
    score = {
        "log_contrast": float(np.log(blob.contrast)),
        "cores": float(np.log(cores)),
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
        width_sd_px=max(6.0, 0.25 * width) / size,
        angle=whole.angle,
        angle_sd=angle_sd(whole.length, whole.width),
        probability=probability(score),
        contrast=blob.contrast,
        alongside=blob.ring_share < 0.5 and False,
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
