"""Ship lengths, beams and axes from real Sentinel-1 chips against AIS and a manual reading.

    python bench/imagery_s1_lengths.py [CHIPS_FOLDER] [--pfa 1e-7] [--write]

Each chip is searched as a scene of its own by the radar detector. The ship nearest to its centre is measured by
a model fitted on the other scenes (leave one scene out). The features were chosen while these chips were in
sight; the nested figure chooses them anew, out of the sets below, without the scene that is left out.
Axes are held against the head and tail points that the data set's makers marked. --write fits on all scenes and
stores the coefficients in src/tumen/imagery/weights/radar.json. AIS lengths of 0 are skipped, as the data's
README asks.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from tumen.imagery import radar_ships, sar
from tumen.imagery.scene import open_scene

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "imagery" / "opensarship_s1_chips"
WEIGHTS = Path(__file__).resolve().parents[1] / "src" / "tumen" / "imagery" / "weights" / "radar.json"
NAMES = ["edges_m", "spread_m", "peak_cross"]
SETS = (
    ["edges_m"],
    ["spread_m"],
    ["edges_m", "spread_m"],
    ["edges_m", "peak_cross"],
    ["spread_m", "peak_cross"],
    NAMES,
)
PFA = 1e-7  # the default of the command


def measured(folder: Path, pfa: float = PFA) -> list[dict]:
    """Features of the ship at the centre of each chip."""
    out = []
    for number, product in enumerate(sorted(p for p in folder.iterdir() if (p / "ships.json").exists())):
        for ship in json.loads((product / "ships.json").read_text())["ships"]:
            scene = open_scene(product / "chips" / ship["chip"], "sar")
            seen = sar.search(scene, None, pfa, 4.4, 1)
            scene.close()
            blobs = radar_ships.objects(seen.blobs, 10.0)
            c = scene.width / 2
            blob = min(blobs, key=lambda b: np.hypot(b.x.mean() + 0.5 - c, b.y.mean() + 0.5 - c), default=None)
            row = {
                "scene": number,
                "ais_m": float(ship["AISShipInformation"]["Length"]),
                "hand_m": float(ship["SARShipInformation"]["Manual_Length"]),
            }
            head, tail = (
                (int(ship["SARShipInformation"][f"{e}_x"]), int(ship["SARShipInformation"][f"{e}_y"]))
                for e in ("Head", "Tail")
            )
            row["axis"] = float(np.arctan2(head[1] - tail[1], head[0] - tail[0]))
            row["beam_m"] = float(ship["AISShipInformation"]["Width"])
            row["blob"] = blob
            row["features"] = None if blob is None else radar_ships.features(blob, 10.0)
            out.append(row)
    return out


def fit(rows: list[dict], names: list[str] = NAMES) -> dict:
    """Robust (Huber, 12 m) linear model of length, and its error.

    The standard deviation has three parts: a constant, a share of the length, and a share of what the two measures
    of extent differ by. They are fitted to the residuals under a Student distribution of 4 degrees of freedom and
    scaled so that the 80 % interval of a normal distribution holds 80 % of them.
    """
    x = np.array([[r["features"][n] for n in names] for r in rows])
    y = np.array([r["ais_m"] for r in rows])
    mean, scale = x.mean(0), x.std(0)
    z = np.column_stack([(x - mean) / scale, np.ones(len(y))])
    w = np.ones(len(y))
    for _ in range(20):
        c = np.linalg.solve(z.T @ (z * w[:, None]) + np.diag([0.3] * len(names) + [0.0]), z.T @ (w * y))
        w = 1 / np.maximum(1, np.abs(y - z @ c) / 12)
    error, made = y - z @ c, z @ c
    differ = np.array([r["features"]["edges_m"] - r["features"]["spread_m"] for r in rows])

    def variance(t: np.ndarray) -> np.ndarray:
        a, b, d = np.exp(2 * t)
        return a + b * made**2 + d * differ**2

    def unlikely(t: np.ndarray) -> float:
        v = variance(t)
        return float(0.5 * np.log(v).sum() + 2.5 * np.log1p(error**2 / v / 4).sum())

    best = minimize(unlikely, np.log([8, 0.05, 0.2]), method="Nelder-Mead", options={"maxiter": 4000}).x
    parts = np.exp(best) * np.quantile(np.abs(error) / np.sqrt(variance(best)), 0.8) / 1.2816
    return {
        "names": names,
        "coef": [round(float(v), 4) for v in c[:-1]],
        "mean": [round(float(v), 4) for v in mean],
        "scale": [round(float(v), 4) for v in scale],
        "bias": round(float(c[-1]), 3),
        "sd_m": round(float(parts[0]), 3),
        "sd_share": round(float(parts[1]), 4),
        "sd_differ": round(float(parts[2]), 4),
    }


def left_out(rows: list[dict], names: list[str] = NAMES) -> tuple[np.ndarray, np.ndarray]:
    """Lengths and their standard deviations, each scene by a model of the other scenes."""
    scene = np.array([r["scene"] for r in rows])
    made, sd = np.zeros(len(rows)), np.zeros(len(rows))
    for left in np.unique(scene):
        model = fit([r for r in rows if r["scene"] != left], names)
        for i in np.flatnonzero(scene == left):
            made[i], sd[i] = radar_ships.predict_length_m(rows[i]["features"], model)
    return made, sd


def nested(rows: list[dict]) -> np.ndarray:
    """Lengths when the features, too, are chosen without the scene that is left out."""
    made = np.zeros(len(rows))
    for left in sorted({r["scene"] for r in rows}):
        known = [r for r in rows if r["scene"] != left]
        truth = np.array([r["ais_m"] for r in known])
        names = min(SETS, key=lambda s: np.abs(left_out(known, s)[0] - truth).mean())
        model = fit(known, names)
        for i, r in enumerate(rows):
            if r["scene"] == left:
                made[i] = radar_ships.predict_length_m(r["features"], model)[0]
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--pfa", type=float, default=PFA)
    args = parser.parse_args()
    everything = measured(args.folder, args.pfa)
    print(
        f"{sum(r['features'] is not None for r in everything)} of {len(everything)} chips: a ship found nearest the centre"
    )
    rows = [r for r in everything if r["features"] is not None and r["ais_m"] > 0]
    truth = np.array([r["ais_m"] for r in rows])
    hand = np.array([r["hand_m"] for r in rows])
    scene = np.array([r["scene"] for r in rows])
    made, sd = left_out(rows)
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
    print(f"nested choice of features: mean absolute error {np.abs(nested(rows) - truth).mean():.1f} m")
    ships = [radar_ships.measure(r["blob"], 10.0) for r in rows]
    beam = np.array([r["beam_m"] for r in rows])
    wide = np.array([s.width_px * 10 for s in ships]) - beam
    inside = np.abs(wide) <= 1.282 * np.array([s.width_sd_px * 10 for s in ships])
    print(
        f"beam (no model is fitted): mean absolute error {np.abs(wide[beam > 0]).mean():.1f} m, bias {wide[beam > 0].mean():+.1f} m, stated 80 % interval holds {100 * inside[beam > 0].mean():.0f} %"
    )
    turn = np.degrees(np.array([s.angle - r["axis"] for s, r in zip(ships, rows, strict=True)]))
    turn = np.abs((turn + 90) % 180 - 90)
    inside = turn <= 1.282 * np.degrees([s.angle_sd for s in ships])
    print(
        f"axis against the marked head and tail: median {np.median(turn):.1f} degrees, mean {turn.mean():.1f}, stated 80 % interval holds {100 * inside.mean():.0f} %"
    )
    if args.write:
        stored = json.loads(WEIGHTS.read_text())
        stored["length"] = fit(rows)
        WEIGHTS.write_text(json.dumps(stored, indent=1) + "\n")
        print(f"wrote {WEIGHTS}")


if __name__ == "__main__":
    main()
