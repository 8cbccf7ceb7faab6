"""Chance that a berth is occupied, on berths drawn along the quays of six real ports, leaving ports out.

    python bench/imagery_berths.py [PORTS_FOLDER] --networks FOLDER [--fit]

Berths of 160 x 45 m are drawn along the coastline's straight stretches, without looking at the picture. One counts as
occupied where a labelled vessel (or one that our own reading adds, bench/imagery_ports_audit.csv) lies in it, as empty
where none touches it; berths with anything unclear are left out. Ships are found by networks that never saw the port,
their probability and the berth's are fitted on the other ports. --fit prints the coefficients fitted on all six.

No port comes with a second date. The berth's own history is tried half really: the date that is judged is the real
image, and five other dates are made of it: the ship taken out, ships of other ports' berths set in on three dates in
ten, other light, half a pixel's shift, noise. Real dates differ by more (sun, tide, cargo on the quay): the figure with
history is an upper bound.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import numpy as np
import shapely
from scipy import ndimage
from scipy.optimize import minimize

from imagery_s2_ports import DEFAULT, audit, searched
from tumen.imagery import berths, optical
from tumen.imagery.alongside import Change, changes
from tumen.imagery.areas import Area
from tumen.imagery.land import Land, land_share
from tumen.imagery.scene import open_scene
from tumen.imagery.stacks import Window
from tumen.imagery.water import align

LONG_M, DEEP_M = 160.0, 45.0
OTHERS, BUSY = 5, 0.3  # invented other dates of a berth, and the share of them with a ship in it


def drawn(scene, land: np.ndarray, wet: np.ndarray, rng: np.random.Generator) -> list[shapely.Polygon]:
    """Rectangles along straight quays, seaward of the coastline, in pixels."""
    size = scene.mean_pixel_m
    out_of_land = ndimage.distance_transform_edt(land < 0.5)
    slope = np.stack(np.gradient(ndimage.gaussian_filter(out_of_land, 2.5)))
    edge = np.argwhere((out_of_land > 0) & (out_of_land < 1.5))
    rng.shuffle(edge)
    out: list[shapely.Polygon] = []
    for y, x in edge:
        n = slope[:, y, x]
        if np.hypot(*n) < 0.6:
            continue
        n = n / np.hypot(*n)
        along = np.array([-n[1], n[0]])  # rows, columns
        half, deep = LONG_M / 2 / size, DEEP_M / size
        foot = np.array([y + 0.5, x + 0.5])
        ring = [
            foot - half * along,
            foot + half * along,
            foot + half * along + deep * n,
            foot - half * along + deep * n,
        ]
        polygon = shapely.Polygon([(float(b), float(a)) for a, b in ring])
        left, top, right, bottom = polygon.bounds
        if left < 5 or top < 5 or right > scene.width - 5 or bottom > scene.height - 5:
            continue
        # Straight: both ends lie on the coast; water in front.
        ends = [foot + s * half * along for s in (-0.9, 0.9)]
        if any(out_of_land[int(a), int(b)] > 2.5 or land[int(a - 3 * n[0]), int(b - 3 * n[1])] < 0.5 for a, b in ends):
            continue
        front = [foot + s * half * along + (deep + 4) * n for s in (-0.6, 0, 0.6)]
        if not all(wet[int(np.clip(a, 0, scene.height - 1)), int(np.clip(b, 0, scene.width - 1))] for a, b in front):
            continue
        if any(polygon.distance(o) < 2 for o in out):
            continue
        out.append(polygon)
    return out


def frame(polygon: shapely.Polygon) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle of the quay's edge, and unit vectors along the quay and seaward, of a rectangle of `drawn`."""
    a, b, c = np.array(polygon.exterior.coords)[:3]
    return (a + b) / 2, (b - a) / np.hypot(*(b - a)), (c - b) / np.hypot(*(c - b))


def unrolled(bands: np.ndarray, land: np.ndarray, polygon: shapely.Polygon, size: float) -> tuple[np.ndarray, ...]:
    """Log reflectance on a grid along and off the quay (bands, rows, columns), the berth's water, and the grid's pixels."""
    origin, along, off = frame(polygon)
    u = np.arange(-LONG_M / 2 - 40, LONG_M / 2 + 40, size) / size
    v = np.arange(-40, DEEP_M + 40, size) / size
    uu, vv = np.meshgrid(u, v)
    x = origin[0] + uu * along[0] + vv * off[0]
    y = origin[1] + uu * along[1] + vv * off[1]
    at = np.array([y - 0.5, x - 0.5])
    data = np.stack(
        [ndimage.map_coordinates(np.log(np.maximum(b, 0) + 0.02), at, order=1, mode="nearest") for b in bands]
    )
    inside = (np.abs(uu) * size <= LONG_M / 2) & (vv >= 0) & (vv * size <= DEEP_M)
    wet = inside & (ndimage.map_coordinates(land, at, order=1, mode="nearest") < 0.5)
    return data.astype(np.float32), (wet if wet.sum() >= 0.15 * inside.sum() else inside), x, y


def another_day(data: np.ndarray, water: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same place in other light: each band's gain, the water's own brightness, half a pixel's shift, noise."""
    out = ndimage.shift(data, (0, *rng.uniform(-0.5, 0.5, 2)), order=1, mode="nearest")
    out = out + rng.normal(0, 0.1) + rng.normal(0, 0.04, (len(out), 1, 1))
    near = np.sqrt(((data - water[:, None, None]) ** 2).mean(0)) < 0.35
    out += (rng.normal(0, 0.12) + rng.normal(0, 0.05, (len(out), 1, 1))) * near
    return (out + rng.normal(0, 0.03, out.shape)).astype(np.float32)


def series(b: dict, donors: list[dict], rng: np.random.Generator) -> list[Window]:
    """A berth as it is, and five invented other dates of it: emptied, some with a real ship of another port in it."""
    size = b["size"]
    ring = b["data"][:, -int(35 / size) :].reshape(len(b["data"]), -1)
    water = np.median(ring, axis=1)
    empty = b["data"].copy()
    if b["full"]:
        gone = ndimage.binary_dilation(b["hull"], iterations=1)
        fill = ring[:, rng.integers(ring.shape[1], size=int(gone.sum()))]
        empty[:, gone] = fill
    days = [b["data"]]
    for _ in range(OTHERS):
        day = empty.copy()
        if rng.random() < BUSY and donors:
            d = donors[rng.integers(len(donors))]
            zoom = d["size"] / size
            seen = np.stack([ndimage.zoom(v, zoom, order=1) for v in d["data"] - d["water"][:, None, None]])
            hull = ndimage.zoom(d["hull"].astype(np.float32), zoom, order=1) > 0.5
            rows, columns = min(day.shape[1], seen.shape[1]), min(day.shape[2], seen.shape[2])
            hull, seen = hull[:rows, :columns], seen[:, :rows, :columns]
            day[:, :rows, :columns] = np.where(hull, seen + water[:, None, None], day[:, :rows, :columns])
        days.append(another_day(day, water, rng))
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    seen_all = np.ones(b["inside"].shape, bool)
    return [
        Window(b["name"], f"{k}", start + dt.timedelta(days=5 * k), (b["name"],), day, seen_all, b["inside"], size)
        for k, day in enumerate(days)
    ]


def features(path: Path, r: dict, rng: np.random.Generator) -> list[dict]:
    """Berths of one port: what the picture tells, and the truth."""
    scene = open_scene(path)
    bands, _ = optical.read_bands(scene, 0, 0, scene.width, scene.height)
    land = land_share(Land(), scene.geo, 0, 0, scene.width, scene.height)
    wet = bands["B03"] > bands["B08"]
    land = np.roll(land, align(land, wet), (0, 1))
    vessels, unclear = audit(r["port"])
    hulls = []
    for (x, y), length in zip(r["labels"], r["lengths"], strict=True):
        hulls.append(shapely.Point(x, y).buffer(max(1.5, 0.12 * length / r["size"])))
    for v in vessels:
        hulls.append(shapely.LineString([(v["x0"], v["y0"]), (v["x1"], v["y1"])]).buffer(1.5))
    boxes = shapely.union_all([shapely.box(u["x0"], u["y0"], u["x1"], u["y1"]) for u in unclear])
    wide = [
        shapely.Point(x, y).buffer(0.5 * length / r["size"])
        for (x, y), length in zip(r["labels"], r["lengths"], strict=True)
    ]
    stack = np.stack([bands[n] for n in bands])
    out = []
    for polygon in drawn(scene, land, wet, rng):
        held = [h for h in hulls if polygon.intersection(h).area > 0.6 * h.area]
        full = bool(held)
        # The length of a ship alone in a berth that is longer than it is.
        alone = [r["lengths"][i] for i in range(len(r["lengths"])) if hulls[i] in held]
        touched = any(polygon.intersects(h) for h in [*hulls, *wide])
        if polygon.intersects(boxes) or (touched and not full):
            continue
        area = Area(f"{r['port']} {len(out)}", "berth", None, polygon, pixels=True)
        mine = berths.chances_in([area], {area.name: polygon}, r["ships"])[area.name]
        fill = berths.hull_share(scene, polygon, Land())
        data, inside, x, y = unrolled(stack, land, polygon, r["size"])
        water = np.median(data[:, -int(35 / r["size"]) :].reshape(len(data), -1), axis=1)
        off = np.abs(data - water[:, None, None]).max(0) > 0.35
        marked = np.zeros(off.shape, bool)
        for left, top, broad, high in [
            *r["boxes"],
            *[
                (
                    min(v["x0"], v["x1"]) - 1,
                    min(v["y0"], v["y1"]) - 1,
                    abs(v["x1"] - v["x0"]) + 3,
                    abs(v["y1"] - v["y0"]) + 3,
                )
                for v in vessels
            ],
        ]:
            marked |= (x >= left) & (x < left + broad) & (y >= top) & (y < top + high)
        out.append(
            {
                "name": area.name, "port": r["port"], "size": r["size"], "full": full, "ships": mine,
                "length_m": alone[0] if len(alone) == len(held) == 1 and alone[0] < LONG_M - 10 else None,
                "fill": None if fill is None else fill[0], "data": data, "inside": inside, "water": water,
                "hull": marked & off,
            }
        )  # fmt: skip
    return out


def coefficients(rows: list[dict]) -> np.ndarray:
    """Logistic of `berths.evidence`."""
    rows = [b for b in rows if b["fill"] is not None]
    return logistic(
        np.array([berths.evidence(b["ships"], b["fill"]) for b in rows]), np.array([b["full"] for b in rows], float)
    )


def anew(rows: list[dict], told: list[float], changes: list[Change]) -> np.ndarray:
    """Logistic of `berths.evidence_anew`."""
    x = np.array([berths.evidence_anew(p, c.share, c.length_m) for p, c in zip(told, changes, strict=True)])
    return logistic(x, np.array([b["full"] for b in rows], float))


def logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Intercept and weights, lightly held towards zero."""

    def loss(w):
        s = w[0] + x @ w[1:]
        return np.logaddexp(0, s).sum() - (y * s).sum() + 0.1 * (w[1:] ** 2).sum()

    return minimize(loss, np.zeros(x.shape[1] + 1)).x


def told_as(name: str, p: np.ndarray, rows: list[dict]) -> None:
    """Print what a set of chances is worth."""
    full = np.array([b["full"] for b in rows])
    base = np.array([np.mean([o["full"] for o in rows if o["port"] != b["port"]]) for b in rows])
    order = np.argsort(p)
    rank = np.empty(len(p))
    rank[order] = np.arange(len(p))
    auc = (rank[full].mean() - (full.sum() - 1) / 2) / max((~full).sum(), 1)
    print(
        f"{name}: {len(p)} berths, {full.sum()} occupied; full told full {(p[full] >= 0.5).mean():.2f}, empty told empty "
        f"{(p[~full] < 0.5).mean():.2f}; Brier score {np.mean((p - full) ** 2):.3f} (always the other ports' share: "
        f"{np.mean((base - full) ** 2):.3f}); a full berth stands above an empty one {auc:.2f} of the time"
    )
    for low in np.arange(0, 1, 0.2):
        part = (p >= low) & (p < low + 0.2 + (low > 0.7))
        if part.any():
            print(
                f"  {low:.1f}-{low + 0.2:.1f}: stated {p[part].mean():.2f}, occupied {full[part].mean():.2f} of {part.sum()}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--networks", type=Path, required=True)
    parser.add_argument("--fit", action="store_true")
    args = parser.parse_args()
    results = searched(args.folder, args.networks)
    rng = np.random.default_rng(1)
    rows = [b for r in results for b in features(r["path"], r, rng)]
    ports = list(dict.fromkeys(b["port"] for b in rows))
    told = np.zeros(len(rows))
    for name in ports:
        w = coefficients([o for o in rows if o["port"] != name])
        for i, b in enumerate(rows):
            if b["port"] == name:
                told[i] = berths.occupied(b["ships"], b["fill"], tuple(w))
    told_as("one image", told, rows)
    windows, first = [], []
    for b in rows:
        donors = [d for d in rows if d["full"] and d["port"] != b["port"] and d["hull"].any()]
        first.append(len(windows))
        windows += series(b, donors, rng)
    every = changes(windows)
    seen = [every[i] for i in first]
    # The chance without history that a fit may lean on is itself one of a port left out.
    with_history = np.zeros(len(rows))
    for name in ports:
        rest = [i for i, b in enumerate(rows) if b["port"] != name]
        w = anew([rows[i] for i in rest], [told[i] for i in rest], [seen[i] for i in rest])
        for i, b in enumerate(rows):
            if b["port"] == name:
                with_history[i] = berths.occupied_anew(told[i], seen[i].share, seen[i].length_m, tuple(w))
    told_as(f"with {OTHERS} other dates (invented from the real ones)", with_history, rows)
    errors = [c.length_m - b["length_m"] for b, c in zip(rows, seen, strict=True) if b["length_m"] is not None]
    print(
        f"length of what is covered anew, {len(errors)} labelled ships alone in a longer berth: error "
        f"{np.mean(np.abs(errors)):.0f} m mean absolute, {np.median(errors):+.0f} m median"
    )
    if args.fit:
        print("OCCUPIED = (" + ", ".join(f"{v:.2f}" for v in coefficients(rows)) + ")")
        print("ANEW = (" + ", ".join(f"{v:.2f}" for v in anew(rows, list(told), seen)) + ")")


if __name__ == "__main__":
    main()
