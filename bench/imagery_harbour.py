"""Ships in simulated harbours in high-resolution radar: precision, recall, F1, length error.

    python bench/imagery_harbour.py [--pictures 12] [--floor 0.15] [--keep FOLDER]

Pictures of `tumen.simulate.imagery.harbour`: 8-bit, no georeference, no coastline, land and a pier, ships free, along
a quay and abreast. A ship is found when a detection's centre lies within 0.35 of its length of its own, one
detection a ship.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import rasterio

from tumen.imagery import DetectSettings, Land, detect
from tumen.simulate.imagery import harbour


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--floor", type=float, default=DetectSettings().min_probability)
    parser.add_argument("--keep", type=Path, default=None)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    hits = ships = found = 0
    errors: list[float] = []
    settings = DetectSettings(sensor="sar", chips=False, min_probability=args.floor)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.pictures):
            picture, truth = harbour(np.random.default_rng(seed))
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
            ships, found = ships + len(truth), found + len(rows)
    precision, recall = hits / max(found, 1), hits / max(ships, 1)
    print(
        f"{args.pictures} simulated harbours, {ships} ships: precision {precision:.2f}, recall {recall:.2f}, "
        f"F1 {2 * precision * recall / max(precision + recall, 1e-9):.2f}, length off by {100 * np.median(errors):.0f} % (median)"
    )


if __name__ == "__main__":
    main()
