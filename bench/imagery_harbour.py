"""Ships in simulated harbours in high-resolution radar: precision, recall, F1, length error; fit of their score.

    python bench/imagery_harbour.py [--pictures 12] [--packed] [--first SEED] [--floor 0.15] [--keep FOLDER]
    python bench/imagery_harbour.py --fit 60 [--weights FILE]

Pictures of `tumen.simulate.imagery.harbour`, or with --packed of `tumen.simulate.harbours.packed_harbour` (fenders,
gantry cranes, rows of boxes, moles, uneven hulls): 8-bit, no georeference, no coastline. A ship is found when a
detection's centre lies within 0.35 of its length of its own, one detection a ship. --fit draws packed harbours of
its own seeds (from 5,000), calls a piece a ship where its rectangle and a ship's share 0.45 of what they cover
together, and writes the weights of `harbour.score`. No real picture enters the fit.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import rasterio
import shapely
from scipy.optimize import minimize

from tumen.imagery import DetectSettings, Land, detect
from tumen.imagery import harbour as search
from tumen.simulate.harbours import packed_harbour
from tumen.simulate.imagery import harbour

FIT_SEED = 5000
SAME = 0.45  # intersection over union at which a piece is the ship
HIDDEN, HELD = 10, 2e-3
WEIGHTS = Path(search.__file__).with_name("weights") / "harbour.json"


def polygon(x: float, y: float, length: float, width: float, angle: float) -> shapely.Polygon:
    c, s = np.cos(angle), np.sin(angle)
    e = np.array([(-length, -width), (length, -width), (length, width), (-length, width)]) / 2
    return shapely.Polygon(np.column_stack([x + e[:, 0] * c - e[:, 1] * s, y + e[:, 0] * s + e[:, 1] * c]))


def labelled(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of the measured pieces of one picture, and whether each is a ship."""
    picture, truth = packed_harbour(np.random.default_rng(seed))
    middle = float(np.median(picture[picture > 0])) ** 2
    pieces, bright, _ = search.measured(
        picture.astype(np.float32) ** 2 / middle, np.ones(picture.shape, bool), 255.0**2 / middle
    )
    hulls = [polygon(t.x, t.y, t.length_px, t.width_px, t.angle) for t in truth]
    tree = shapely.STRtree(hulls)
    rows, ship = [], []
    for piece in pieces:
        if piece.box is None:
            continue
        b = piece.box
        mine = polygon(b.x, b.y, max(b.length - search.BLUR_PX, 1), max(b.width - search.BLUR_PX, 1), b.angle)
        shared = max(
            (mine.intersection(hulls[i]).area / mine.union(hulls[i]).area for i in tree.query(mine)), default=0
        )
        rows.append(search.features(piece, bright))
        ship.append(shared >= SAME)
    return np.array(rows), np.array(ship)


def fit(pictures: int, path: Path) -> None:
    """Fit a network of one hidden layer on packed harbours and write it."""
    parts = [labelled(FIT_SEED + k) for k in range(pictures)]
    write(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]).astype(float), path)


def write(x: np.ndarray, y: np.ndarray, path: Path) -> None:
    middle, spread = x.mean(0), x.std(0) + 1e-6
    z, n = (x - middle) / spread, x.shape[1]
    rng = np.random.default_rng(1)
    start = np.concatenate(
        [rng.normal(0, 0.5, n * HIDDEN) / np.sqrt(n), np.zeros(HIDDEN), rng.normal(0, 0.5, HIDDEN), [0]]
    )

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = w[: n * HIDDEN].reshape(n, HIDDEN), w[n * HIDDEN : n * HIDDEN + HIDDEN]
        c, d = w[n * HIDDEN + HIDDEN : -1], w[-1]
        h = np.tanh(z @ a + b)
        s = h @ c + d
        value = (np.logaddexp(0, s) - y * s).mean() + HELD * ((a**2).sum() + (c**2).sum()) / 2
        back = (1 / (1 + np.exp(-s)) - y) / len(y)
        inner = back[:, None] * c * (1 - h**2)
        return value, np.concatenate(
            [(z.T @ inner + HELD * a).ravel(), inner.sum(0), h.T @ back + HELD * c, [back.sum()]]
        )

    w = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 600}).x
    made = {
        "middle": middle, "spread": spread, "in": w[: n * HIDDEN].reshape(n, HIDDEN),
        "in_bias": w[n * HIDDEN : n * HIDDEN + HIDDEN], "out": w[n * HIDDEN + HIDDEN : -1], "out_bias": w[-1],
    }  # fmt: skip
    path.write_text(json.dumps({k: np.round(v, 4).tolist() for k, v in made.items()}) + "\n")
    print(f"{len(y)} pieces, {int(y.sum())} of ships, mean log loss {loss(w)[0]:.3f}: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--packed", action="store_true")
    parser.add_argument("--first", type=int, default=0, help="seed of the first picture")
    parser.add_argument("--floor", type=float, default=DetectSettings().min_probability)
    parser.add_argument("--keep", type=Path, default=None)
    parser.add_argument("--fit", type=int, default=0, metavar="PICTURES")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.fit:
        fit(args.fit, args.weights)
        return
    hits = ships = found = 0
    errors: list[float] = []
    stated: list[tuple[float, bool]] = []
    settings = DetectSettings(sensor="sar", chips=False, min_probability=args.floor)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.first, args.first + args.pictures):
            picture, truth = (packed_harbour if args.packed else harbour)(np.random.default_rng(seed))
            path = (args.keep or Path(folder)) / f"harbour_{seed}.png"
            with rasterio.open(
                path, "w", driver="PNG", width=picture.shape[1], height=picture.shape[0], count=1, dtype="uint8"
            ) as out:
                out.write(picture, 1)
            rows = detect([str(path)], land=Land(osm=False), settings=settings)["detections"].to_pylist()
            free = sorted(rows, key=lambda r: -r["probability"])
            for ship in sorted(truth, key=lambda s: -s.length_px):
                near = [r for r in free if np.hypot(r["x"] - ship.x, r["y"] - ship.y) < max(8, 0.35 * ship.length_px)]
                if near:
                    best = min(near, key=lambda r: np.hypot(r["x"] - ship.x, r["y"] - ship.y))
                    free.remove(best)
                    hits += 1
                    errors.append(abs(best["length_px"] - ship.length_px) / ship.length_px)
            stated += [(r["probability"], r not in free) for r in rows]
            ships, found = ships + len(truth), found + len(rows)
    precision, recall = hits / max(found, 1), hits / max(ships, 1)
    print(
        f"{args.pictures} simulated harbours, {ships} ships: precision {precision:.2f}, recall {recall:.2f}, "
        f"F1 {2 * precision * recall / max(precision + recall, 1e-9):.2f}, length off by {100 * np.median(errors):.0f} % (median)"
    )
    for low, high in ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        inside = [v for v in stated if low <= v[0] < high]
        if inside:
            print(
                f"stated {np.mean([p for p, _ in inside]):.2f}: held {np.mean([k for _, k in inside]):.2f} ({len(inside)})"
            )


if __name__ == "__main__":
    main()
