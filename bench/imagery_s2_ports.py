"""Ships in six labelled Sentinel-2 ports: recall, false ships, length error, reliability.

    python bench/imagery_s2_ports.py [PORTS_FOLDER] [--networks FOLDER] [--contrast] [--all]

With --networks (made by bench/imagery_train.py --folds) each port is searched by a network that never saw
it: the leave-one-port-out figures. Without, the shipped network is used, which has seen these ports.
A label counts as found when a detection's centre lies within half the label's length, or 50 m, of the
label's centre, one detection a label. A detection beyond the labels counts as false, though the labels
leave out small craft, moving vessels and whole naval basins (see the README of the data).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from tumen.imagery.land import Land
from tumen.imagery.optical import search
from tumen.imagery.scene import open_scene
from tumen.imagery.settings import DetectSettings

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "imagery" / "sentinel2_ports"


def match(labels: np.ndarray, found: np.ndarray, reach: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (label, detection) one to one, as many as possible, nearest first."""
    if not len(labels) or not len(found):
        return []
    distance = np.hypot(*(labels[:, None] - found[None]).transpose(2, 0, 1))
    cost = np.where(distance <= reach[:, None], distance, 1e6)
    return [(i, j) for i, j in zip(*linear_sum_assignment(cost), strict=True) if cost[i, j] < 1e6]


def port(path: Path, network: str | None, floor: float) -> dict:
    scene = open_scene(path)
    seen = search(scene, Land(), network)
    size = scene.mean_pixel_m
    rows = json.loads(path.with_name(path.stem + "_vessels.geojson").read_text())["features"]
    boxes = np.array([r["properties"]["bbox_xywh"] for r in rows], float)
    lengths = np.array([r["properties"]["mask_length_m"] for r in rows])
    ships = [s for s in seen.ships if s.probability >= floor]
    labels = boxes[:, :2] + boxes[:, 2:] / 2
    pairs = match(labels, np.array([[s.x, s.y] for s in ships]).reshape(-1, 2), np.maximum(lengths / 2, 50) / size)
    return {
        "port": path.stem.split("_")[0],
        "lengths": lengths,
        "pairs": pairs,
        "ships": ships,
        "water_km2": seen.water_px * size**2 / 1e6,
        "size": size,
        "labels": labels,
        "scene": scene,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--networks", type=Path)
    parser.add_argument("--contrast", action="store_true", help="the contrast detector, without a network")
    parser.add_argument("--floor", type=float, default=DetectSettings().min_probability)
    parser.add_argument("--curve", action="store_true", help="recall and false ships at several floors")
    args = parser.parse_args()
    results = []
    for path in sorted(args.folder.glob("*.tif")):
        network = None if args.contrast else "builtin"
        if args.networks:
            network = str(args.networks / f"ships-without-{path.stem.split('_')[0]}.onnx")
            if not Path(network).exists():
                continue
        results.append((path, network))
    floors = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7] if args.curve else [args.floor]
    everything = [port(p, n, 0.0) for p, n in results]
    for floor in floors:
        report(everything, floor, verbose=not args.curve)


def report(everything: list[dict], floor: float, verbose: bool) -> None:
    big_n = big_k = mid_n = mid_k = false = 0
    water = 0.0
    errors: list[float] = []
    chances: list[tuple[float, bool]] = []
    for r in everything:
        ships = [s for s in r["ships"] if s.probability >= floor]
        reach = np.maximum(r["lengths"] / 2, 50) / r["size"]
        pairs = match(r["labels"], np.array([[s.x, s.y] for s in ships]).reshape(-1, 2), reach)
        hit = np.zeros(len(r["lengths"]), bool)
        used = np.zeros(len(ships), bool)
        for i, j in pairs:
            hit[i] = used[j] = True
            errors.append(ships[j].length_px * r["size"] - r["lengths"][i])
        chances += [(s.probability, bool(u)) for s, u in zip(ships, used, strict=True)]
        big, mid = r["lengths"] >= 60, (r["lengths"] >= 30) & (r["lengths"] < 60)
        big_n, big_k, mid_n, mid_k = (
            big_n + big.sum(),
            big_k + (hit & big).sum(),
            mid_n + mid.sum(),
            mid_k + (hit & mid).sum(),
        )
        false += int((~used).sum())
        water += r["water_km2"]
        if verbose:
            print(
                f"{r['port']:<12} >= 60 m {(hit & big).sum():>3}/{big.sum():<3} 30-60 m {(hit & mid).sum()}/{mid.sum()}  "
                f"not labelled {int((~used).sum()):>3} in {r['water_km2']:6.1f} km2 = {(~used).sum() / r['water_km2'] * 2:.2f} per 2 km2"
            )
    print(
        f"floor {floor:.2f}: recall >= 60 m {big_k / max(big_n, 1):.3f} ({big_k}/{big_n}), 30-60 m {mid_k / max(mid_n, 1):.3f} ({mid_k}/{mid_n}), "
        f"not labelled per 2 km2 of water {2 * false / max(water, 1e-9):.2f} ({false} in {water:.0f} km2), "
        f"length error {np.mean(np.abs(errors)):.1f} m mean absolute, {np.median(errors):+.1f} m median"
    )
    if verbose:
        print("reliability (an unlabelled vessel counts as false):")
        p = np.array(chances)
        for low in np.arange(0, 1, 0.2):
            part = p[(p[:, 0] >= low) & (p[:, 0] < low + 0.2)]
            if len(part):
                print(
                    f"  {low:.1f}-{low + 0.2:.1f}: stated {part[:, 0].mean():.2f}, labelled {part[:, 1].mean():.2f} of {len(part)}"
                )


if __name__ == "__main__":
    main()
