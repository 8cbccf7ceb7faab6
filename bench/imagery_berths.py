"""Chance that a berth is occupied, on berths drawn along the quays of six real ports, leaving ports out.

    python bench/imagery_berths.py [PORTS_FOLDER] --networks FOLDER [--fit]

Berths of 160 x 45 m are drawn along the coastline's straight stretches, without looking at the picture. One counts as
occupied where a labelled vessel (or one that our own reading adds, bench/imagery_ports_audit.csv) lies in it, as empty
where none touches it; berths with anything unclear are left out. Ships are found by networks that never saw the port,
their probability and the berth's are fitted on the other ports. --fit prints the coefficients fitted on all six.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import shapely
from scipy import ndimage
from scipy.optimize import minimize

from imagery_s2_ports import DEFAULT, audit, fit, search
from tumen.imagery import berths, optical
from tumen.imagery.land import Land, land_share
from tumen.imagery.scene import open_scene
from tumen.imagery.settings import DetectSettings
from tumen.imagery.water import align

LONG_M, DEEP_M = 160.0, 45.0


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
    floor = DetectSettings().min_probability
    out = []
    for polygon in drawn(scene, land, wet, rng):
        full = any(polygon.intersection(h).area > 0.6 * h.area for h in hulls)
        touched = any(polygon.intersects(h) for h in [*hulls, *wide])
        if polygon.intersects(boxes) or (touched and not full):
            continue
        mine = []
        for ship in r["ships"]:
            hull = shapely.Polygon(ship.corners())
            if ship.probability >= floor and polygon.intersection(hull).area >= 0.33 * hull.area:
                mine.append(ship.probability)
        fill = berths.hull_share(scene, polygon, Land())
        out.append({"full": full, "ships": mine, "fill": None if fill is None else fill[0], "port": r["port"]})
    return out


def coefficients(rows: list[dict]) -> np.ndarray:
    """Logistic of `berths.evidence`."""
    rows = [b for b in rows if b["fill"] is not None]
    x = np.array([berths.evidence(b["ships"], b["fill"]) for b in rows])
    y = np.array([b["full"] for b in rows], float)

    def loss(w):
        s = w[0] + x @ w[1:]
        return np.logaddexp(0, s).sum() - (y * s).sum() + 0.1 * (w[1:] ** 2).sum()

    return minimize(loss, np.zeros(x.shape[1] + 1)).x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--networks", type=Path, required=True)
    parser.add_argument("--fit", action="store_true")
    args = parser.parse_args()
    paths = sorted(args.folder.glob("*.tif"))
    results = [search(p, str(args.networks / f"ships-without-{p.stem.split('_')[0]}.onnx")) for p in paths]
    for r in results:
        intercept, weights = fit([o for o in results if o is not r])
        for ship in r["ships"]:
            ship.probability = optical.logistic(ship.features, r["size"], intercept, weights)
    rng = np.random.default_rng(1)
    rows = [b for p, r in zip(paths, results, strict=True) for b in features(p, r, rng)]
    told, shipped = [], []
    for b in rows:
        w = coefficients([o for o in rows if o["port"] != b["port"]])
        told.append(berths.occupied(b["ships"], b["fill"], tuple(w)))
        shipped.append(berths.occupied(b["ships"], b["fill"]))
    if args.fit:
        print("OCCUPIED = (" + ", ".join(f"{v:.2f}" for v in coefficients(rows)) + ")")
    p, full = np.array(told), np.array([b["full"] for b in rows])
    for name in dict.fromkeys(b["port"] for b in rows):
        part = np.array([b["port"] == name for b in rows])
        print(
            f"{name:<11} {part.sum():>3} berths, {full[part].sum():>2} occupied; at 0.5: full ones told full "
            f"{(p[part & full] >= 0.5).sum()}/{(part & full).sum()}, empty ones told empty "
            f"{(p[part & ~full] < 0.5).sum()}/{(part & ~full).sum()}"
        )
    base = full.mean()
    print(
        f"{len(rows)} berths, {full.sum()} occupied: full told full {(p[full] >= 0.5).mean():.2f}, empty told empty "
        f"{(p[~full] < 0.5).mean():.2f}, Brier score {np.mean((p - full) ** 2):.3f} (always saying {base:.2f}: {base * (1 - base):.3f})"
    )
    for low in np.arange(0, 1, 0.2):
        part = (p >= low) & (p < low + 0.2 + 1e-9)
        if part.any():
            print(
                f"  {low:.1f}-{low + 0.2:.1f}: stated {p[part].mean():.2f}, occupied {full[part].mean():.2f} of {part.sum()}"
            )


if __name__ == "__main__":
    main()
