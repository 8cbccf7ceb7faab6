"""Whether the radar's probabilities hold: real ships against false alarms of simulated clutter, reliability by bin.

    python bench/imagery_probability.py [CHIPS_FOLDER] [--side 2500] [--pfa 1e-5] [--write]

Ships are the 110 real Sentinel-1 chips' centre ships; false alarms come from simulated clutter of four kinds
(two polarisations, the detector run as on a scene). Both are weighted to the same number: about what an IW scene of
a coastal sea holds at the command's false-alarm rate of 1e-7 (40 false pixels, some tens of ships). Each scene of
chips, and with it one or two kinds of clutter, is judged by a model that never saw them. Not in the sample: small craft
without AIS, ghosts of ships, and land that the coastline misses. --write fits on all and stores the coefficients in
src/tumen/imagery/weights/radar.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import rasterio
from scipy.optimize import minimize

from tumen.imagery import radar_ships, sar
from tumen.imagery.scene import open_scene
from tumen.simulate.imagery import CLUTTER, MEAN, backdrop, clutter

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "imagery" / "opensarship_s1_chips"
WEIGHTS = Path(__file__).resolve().parents[1] / "src" / "tumen" / "imagery" / "weights" / "radar.json"
NAMES = ("log_contrast", "cores", "pixels")


def real(folder: Path) -> list[tuple[int, list[float]]]:
    """Fold and features of the ship at the centre of each chip."""
    out = []
    for number, product in enumerate(sorted(p for p in folder.iterdir() if (p / "ships.json").exists())):
        for ship in json.loads((product / "ships.json").read_text())["ships"]:
            scene = open_scene(product / "chips" / ship["chip"], "sar")
            hulls = radar_ships.objects(sar.search(scene, None, 1e-7, 4.4, 1).blobs, 10.0)
            scene.close()
            c = scene.width / 2
            if hulls:
                best = min(hulls, key=lambda b: np.hypot(b.x.mean() - c, b.y.mean() - c))
                f = radar_ships.measure(best, 10.0).features
                out.append((number, [f[n] for n in NAMES]))
    return out


def false_alarms(side: int, pfa: float) -> list[tuple[int, list[float]]]:
    """Fold and features of what is found in clutter without ships."""
    out = []
    for number, kind in enumerate(CLUTTER):
        rng = np.random.default_rng(100 + number)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = Path(folder) / "clutter.tif"
            with rasterio.open(path, "w", driver="GTiff", width=side, height=side, count=2, dtype="uint16") as file:
                for band, pol in enumerate(("VV", "VH"), 1):
                    file.set_band_description(band, pol)
                    power = clutter(rng, kind, (side, side), MEAN[pol] * 4) * backdrop((side, side))
                    file.write(np.minimum(np.sqrt(power), 65535).astype(np.uint16), band)
            scene = open_scene(path)
            for hull in radar_ships.objects(sar.search(scene, None, pfa, 4.4).blobs, 10.0):
                f = radar_ships.measure(hull, 10.0).features
                out.append((number % 3, [f[n] for n in NAMES]))
            scene.close()
    return out


def fit(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Logistic regression with a mild ridge; coefficients, then the constant."""
    design = np.column_stack([x, np.ones(len(x))])

    def loss(c: np.ndarray) -> float:
        z = design @ c
        return float((w * (np.logaddexp(0, z) - y * z)).sum() + 0.5 * (c[:-1] ** 2).sum())

    return minimize(loss, np.zeros(design.shape[1]), method="BFGS").x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--side", type=int, default=2500)
    parser.add_argument("--pfa", type=float, default=1e-5)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    ships, noise = real(args.folder), false_alarms(args.side, args.pfa)
    fold = np.array([f for f, _ in ships + noise])
    x = np.array([v for _, v in ships + noise])
    y = np.r_[np.ones(len(ships)), np.zeros(len(noise))]
    w = np.where(y == 1, 1.0, len(ships) / max(len(noise), 1))
    p = np.zeros(len(y))
    for left in np.unique(fold):
        c = fit(x[fold != left], y[fold != left], w[fold != left])
        p[fold == left] = 1 / (1 + np.exp(-(x[fold == left] @ c[:-1] + c[-1])))
    print(f"{len(ships)} real ships, {len(noise)} simulated false alarms")
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.0001)):
        part = (p >= low) & (p < high)
        if part.any():
            stated, held = (np.average(v[part], weights=w[part]) for v in (p, y))
            print(f"  stated {stated:.2f}  held {held:.2f}  {part.sum()} objects ({int(y[part].sum())} ships)")
    print(
        f"Brier score {np.average((p - y) ** 2, weights=w):.4f}; ships at 0.5 and more {np.mean(p[y == 1] >= 0.5):.2f}, "
        f"false alarms at 0.5 and more {np.mean(p[y == 0] >= 0.5):.3f}"
    )
    c = fit(x, y, w)
    print("all:", {n: round(float(v), 3) for n, v in zip((*NAMES, "bias"), c, strict=True)})
    if args.write:
        stored = json.loads(WEIGHTS.read_text())
        stored["probability"] = {
            "bias": round(float(c[-1]), 4),
            "coef": {n: round(float(v), 4) for n, v in zip(NAMES, c, strict=False)},
        }
        WEIGHTS.write_text(json.dumps(stored, indent=1) + "\n")
        print(f"wrote {WEIGHTS}")


if __name__ == "__main__":
    main()
