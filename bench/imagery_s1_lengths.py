"""Ship lengths from real Sentinel-1 chips against AIS: mean absolute error, leave-one-scene-out.

    python bench/imagery_s1_lengths.py [CHIPS_FOLDER] [--write] [--check FOLDER]

Each chip is searched as a scene of its own by the radar detector and the ship nearest to its centre is
measured by a model fitted on the other scenes. --write fits on all scenes and stores the coefficients in
src/tumen/imagery/weights/radar.json. AIS lengths of 0 are skipped, as the data's README asks.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from tumen.imagery import radar_ships, sar
from tumen.imagery.scene import open_scene

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "imagery" / "opensarship_s1_chips"
WEIGHTS = Path(__file__).resolve().parents[1] / "src" / "tumen" / "imagery" / "weights" / "radar.json"
NAMES = ["smaller_m", "peak_cross"]
PFA = 1e-6


def measured(folder: Path) -> list[dict]:
    """Features of the ship at the centre of each chip."""
    out = []
    for number, product in enumerate(sorted(p for p in folder.iterdir() if (p / "ships.json").exists())):
        for ship in json.loads((product / "ships.json").read_text())["ships"]:
            scene = open_scene(product / "chips" / ship["chip"], "sar")
            seen = sar.search(scene, None, PFA, 4.4, 1)
            scene.close()
            blobs = radar_ships.merge(seen.blobs, radar_ships.MERGE_GAP_M / 10, radar_ships.MAX_LENGTH_M / 10)
            c = scene.width / 2
            blob = min(blobs, key=lambda b: np.hypot(b.x.mean() + 0.5 - c, b.y.mean() + 0.5 - c), default=None)
            row = {
                "scene": number,
                "ais_m": float(ship["AISShipInformation"]["Length"]),
                "hand_m": float(ship["SARShipInformation"]["Manual_Length"]),
            }
            row["features"] = None if blob is None else radar_ships.features(radar_ships.trim(blob, 10.0), 10.0)
            out.append(row)
    return out


def fit(rows: list[dict]) -> dict:
    """Robust (Huber, 12 m) linear model of length, and its error: a constant and a share of the length."""
    x = np.array([[r["features"][n] for n in NAMES] for r in rows])
    y = np.array([r["ais_m"] for r in rows])
    mean, scale = x.mean(0), x.std(0)
    z = np.column_stack([(x - mean) / scale, np.ones(len(y))])
    w = np.ones(len(y))
    for _ in range(20):
        c = np.linalg.solve(z.T @ (z * w[:, None]) + np.diag([0.3] * len(NAMES) + [0.0]), z.T @ (w * y))
        w = 1 / np.maximum(1, np.abs(y - z @ c) / 12)
    error = np.abs(y - z @ c) * 1.25  # mean absolute to standard deviation, for a normal error
    share = np.polyfit(z @ c, error, 1)
    return {
        "names": NAMES,
        "coef": [round(float(v), 4) for v in c[:-1]],
        "mean": [round(float(v), 4) for v in mean],
        "scale": [round(float(v), 4) for v in scale],
        "bias": round(float(c[-1]), 3),
        "sd_m": round(float(max(10.0, share[1])), 2),
        "sd_share": round(float(np.clip(share[0], 0.05, 0.2)), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    everything = measured(args.folder)
    print(
        f"{sum(r['features'] is not None for r in everything)} of {len(everything)} chips: a ship found nearest the centre"
    )
    rows = [r for r in everything if r["features"] is not None and r["ais_m"] > 0]
    truth = np.array([r["ais_m"] for r in rows])
    hand = np.array([r["hand_m"] for r in rows])
    scene = np.array([r["scene"] for r in rows])
    made, sd = np.zeros(len(rows)), np.zeros(len(rows))
    for left in np.unique(scene):
        model = fit([r for r in rows if r["scene"] != left])
        for i in np.flatnonzero(scene == left):
            made[i], sd[i] = radar_ships.predict_length_m(rows[i]["features"], model)
    error = made - truth
    for left in np.unique(scene):
        part = scene == left
        print(
            f"scene {left}: {part.sum():>3} ships, mean absolute error {np.abs(error[part]).mean():.1f} m, bias {error[part].mean():+.1f} m"
        )
    print(
        f"all: {len(rows)} ships, mean absolute error {np.abs(error).mean():.1f} m, median {np.median(np.abs(error)):.1f} m; by hand {np.abs(hand - truth).mean():.1f} m"
    )
    for level, width in ((50, 0.674), (80, 1.282), (95, 1.96)):
        print(f"  stated {level} % interval holds {100 * (np.abs(error) <= width * sd).mean():.0f} %")
    if args.write:
        stored = json.loads(WEIGHTS.read_text())
        stored["length"] = fit(rows)
        WEIGHTS.write_text(json.dumps(stored, indent=1) + "\n")
        print(f"wrote {WEIGHTS}")


if __name__ == "__main__":
    main()
