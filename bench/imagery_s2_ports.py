"""Ships in six labelled Sentinel-2 ports: recall, false ships, length error, reliability, leaving ports out.

    python bench/imagery_s2_ports.py [PORTS_FOLDER] --networks FOLDER [--floor P] [--fit] [--curve]

With --networks (made by bench/imagery_train.py --folds) each port is searched by a network that never saw it. The
probability is a logistic of an object's features; it too is fitted on the objects of the other ports, so the figures
are leave-one-port-out as a whole (the networks leave out two ports each). --fit prints the coefficients
fitted on all six ports.
Without --networks the shipped network and logistic are used, which have seen these ports.

A label counts as found when a detection's centre lies within half the label's length, or 50 m, of the label's centre,
one detection a label. What is found beyond the labels is counted twice: all of it (an upper bound, as the labels leave
out small craft, moving vessels and whole naval basins), and without what our own reading of the pictures
(bench/imagery_ports_audit.csv) calls a vessel or unclear.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize

from tumen.imagery import judging, optical
from tumen.imagery.land import Land
from tumen.imagery.scene import open_scene
from tumen.imagery.settings import DetectSettings

DEFAULT = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "imagery" / "sentinel2_ports"
AUDIT = Path(__file__).with_name("imagery_ports_audit.csv")
LABELLED, VESSEL, UNCLEAR, FALSE = "labelled", "vessel", "unclear", "false"


def match(labels: np.ndarray, found: np.ndarray, reach: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (label, detection) one to one, as many as possible, nearest first."""
    if not len(labels) or not len(found):
        return []
    distance = np.hypot(*(labels[:, None] - found[None]).transpose(2, 0, 1))
    cost = np.where(distance <= reach[:, None], distance, 1e6)
    return [(i, j) for i, j in zip(*linear_sum_assignment(cost), strict=True) if cost[i, j] < 1e6]


def audit(port: str) -> tuple[list[dict], list[dict]]:
    """Our reading of a port: vessels beyond the labels, and boxes that are unclear."""
    rows = [r for r in csv.DictReader(AUDIT.open()) if r["port"] == port]
    for r in rows:
        r.update({k: float(r[k]) for k in ("x0", "y0", "x1", "y1")})
    return [r for r in rows if r["reading"] == "vessel"], [r for r in rows if r["reading"] == "unclear"]


def search(path: Path, network: str | None) -> dict:
    """All objects of a port, however improbable."""
    scene = open_scene(path)
    seen = optical.search(scene, Land(), network)
    size = scene.mean_pixel_m
    rows = json.loads(path.with_name(path.stem + "_vessels.geojson").read_text())["features"]
    boxes = np.array([r["properties"]["bbox_xywh"] for r in rows], float)
    return {
        "port": path.stem.split("_")[0],
        "lengths": np.array([r["properties"]["mask_length_m"] for r in rows]),
        "path": path,
        "boxes": boxes,
        "labels": boxes[:, :2] + boxes[:, 2:] / 2,
        "ships": seen.ships,
        "water_km2": seen.water_px * size**2 / 1e6,
        "size": size,
    }


def read(r: dict, ships: list) -> tuple[list[tuple[int, int]], list[str]]:
    """Matched labels, and what each detection is."""
    found = np.array([[s.x, s.y] for s in ships]).reshape(-1, 2)
    pairs = match(r["labels"], found, np.maximum(r["lengths"] / 2, 50) / r["size"])
    kind = [FALSE] * len(ships)
    for _, j in pairs:
        kind[j] = LABELLED
    vessels, unclear = audit(r["port"])
    rest = [j for j, k in enumerate(kind) if k == FALSE]
    centres = np.array([[(v["x0"] + v["x1"]) / 2, (v["y0"] + v["y1"]) / 2] for v in vessels]).reshape(-1, 2)
    lengths = np.array([np.hypot(v["x1"] - v["x0"], v["y1"] - v["y0"]) for v in vessels])
    for _, j in match(centres, found[rest], np.maximum(lengths / 2, 50 / r["size"])):
        kind[rest[j]] = VESSEL
    for j in rest:
        x, y = found[j]
        if kind[j] == FALSE and any(u["x0"] <= x <= u["x1"] + 1 and u["y0"] <= y <= u["y1"] + 1 for u in unclear):
            kind[j] = UNCLEAR
    return pairs, kind


def labelled(results: list[dict]) -> list[tuple[object, bool, dict]]:
    """Candidates that are labelled or read as a vessel, and false ones; unclear ones are left out."""
    out = []
    for r in results:
        _, kind = read(r, r["ships"])
        out += [(s, k in (LABELLED, VESSEL), r) for s, k in zip(r["ships"], kind, strict=True) if k != UNCLEAR]
    return out


def fit(results: list[dict]) -> tuple[tuple[float, dict[str, float]], tuple[float, dict[str, float]]]:
    """Logistic of `judging.terms`, and of what lies round a candidate on top of it."""
    known = labelled(results)
    y = np.array([good for _, good, _ in known], float)
    first = logistic([judging.terms(s.features, r["size"]) for s, _, r in known], y, 1.0)
    chance = [judging.logistic(s.features, r["size"], *first) for s, _, r in known]
    second = logistic([judging.lie_terms(s.features, p) for (s, _, _), p in zip(known, chance, strict=True)], y, 5.0)
    return first, second


def logistic(rows: list[dict[str, float]], y: np.ndarray, held: float) -> tuple[float, dict[str, float]]:
    """Intercept and weights; standardised weights are held towards zero by `held`."""
    names = list(rows[0])
    x = np.array([[row[n] for n in names] for row in rows])
    middle, spread = x.mean(0), x.std(0) + 1e-9
    z = (x - middle) / spread

    def loss(w):
        s = w[0] + z @ w[1:]
        return np.logaddexp(0, s).sum() - (y * s).sum() + held * (w[1:] ** 2).sum()

    w = minimize(loss, np.zeros(z.shape[1] + 1)).x
    weights = w[1:] / spread
    return float(w[0] - (weights * middle).sum()), dict(zip(names, weights.tolist(), strict=True))


def searched(folder: Path, networks: Path) -> list[dict]:
    """Every port by a network and a probability that never saw it; ports without such a network are left out."""
    results = []
    for path in sorted(folder.glob("*.tif")):
        network = networks / f"ships-without-{path.stem.split('_')[0]}.onnx"
        if network.exists():
            results.append(search(path, str(network)))
    for r in results:
        first, second = fit([o for o in results if o is not r])
        for ship in r["ships"]:
            base = judging.logistic(ship.features, r["size"], *first)
            ship.probability = judging.with_surroundings(ship.features, base, *second)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--networks", type=Path)
    parser.add_argument("--contrast", action="store_true", help="the contrast detector, without a network")
    parser.add_argument("--floor", type=float, default=DetectSettings().min_probability)
    parser.add_argument("--curve", action="store_true", help="recall and false ships at several floors")
    parser.add_argument("--fit", action="store_true", help="print the coefficients fitted on all ports")
    parser.add_argument("--misses", action="store_true", help="print the labels that were not found")
    args = parser.parse_args()
    if args.networks:
        results = searched(args.folder, args.networks)
    else:
        network = None if args.contrast else "builtin"
        results = [search(path, network) for path in sorted(args.folder.glob("*.tif"))]
    if args.fit:
        for name, (intercept, weights) in zip(("", "AROUND_"), fit(results), strict=True):
            print(f"{name}INTERCEPT = {intercept:.3f}")
            print(f"{name}WEIGHTS = {{" + ", ".join(f'"{k}": {v:.3f}' for k, v in weights.items()) + "}")
    for floor in [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7] if args.curve else [args.floor]:
        report(results, floor, not args.curve, args.misses)
    at_budgets(results)


def at_budgets(results: list[dict], budgets: tuple[float, ...] = (1.0, 2.0, 4.0)) -> None:
    """Recall at the floor that leaves so many candidates per 2 km2: of all beyond the labels, and of those read false.

    The floor is chosen on these ports, so that it flatters by a little.
    """
    water = sum(r["water_km2"] for r in results)
    read_at = []
    for floor in np.unique([round(s.probability, 2) for r in results for s in r["ships"]]):
        hits, beyond, false = np.zeros(2, int), 0, 0
        for r in results:
            pairs, kind = read(r, [s for s in r["ships"] if s.probability >= floor])
            found = r["lengths"][[i for i, _ in pairs]]
            hits += [(found >= 60).sum(), ((found >= 30) & (found < 60)).sum()]
            false += kind.count(FALSE)
            beyond += len(kind) - kind.count(LABELLED)
        read_at.append((floor, beyond, false, hits))
    big = sum((r["lengths"] >= 60).sum() for r in results)
    mid = sum(((r["lengths"] >= 30) & (r["lengths"] < 60)).sum() for r in results)
    for budget in budgets:
        for which, name in ((1, "beyond the labels"), (2, "false by our reading")):
            fit_in = [row for row in read_at if row[which] <= budget * water / 2]
            if fit_in:
                floor, beyond, false, hits = fit_in[0]
                print(
                    f"at most {budget:g} {name} per 2 km2 (floor {floor:.2f}): recall >= 60 m {hits[0] / max(big, 1):.3f} "
                    f"({hits[0]}/{big}), 30-60 m {hits[1]}/{mid}; beyond {beyond}, false {false} in all"
                )


def report(results: list[dict], floor: float, verbose: bool, misses: bool) -> None:
    total: dict[str, float] = dict.fromkeys(("big", "big_hit", "mid", "mid_hit", VESSEL, UNCLEAR, FALSE, "water"), 0)
    errors: list[float] = []
    held: list[bool] = []
    chances: list[tuple[float, str]] = []
    for r in results:
        ships = [s for s in r["ships"] if s.probability >= floor]
        pairs, kind = read(r, ships)
        chances += [(s.probability, k) for s, k in zip(ships, kind, strict=True)]
        hit = np.zeros(len(r["lengths"]), bool)
        for i, j in pairs:
            hit[i] = True
            error = ships[j].length_px * r["size"] - r["lengths"][i]
            errors.append(error)
            held.append(abs(error) <= 1.28 * ships[j].length_sd_px * r["size"])
        big, mid = r["lengths"] >= 60, (r["lengths"] >= 30) & (r["lengths"] < 60)
        count = {k: kind.count(k) for k in (VESSEL, UNCLEAR, FALSE)}
        water = r["water_km2"]
        for k, v in (
            ("big", big.sum()), ("big_hit", (hit & big).sum()), ("mid", mid.sum()), ("mid_hit", (hit & mid).sum()),
            ("water", water), *count.items(),
        ):  # fmt: skip
            total[k] += v
        if verbose:
            beyond = sum(count.values())
            print(
                f"{r['port']:<11} >= 60 m {(hit & big).sum():>3}/{big.sum():<3} 30-60 m {(hit & mid).sum()}/{mid.sum()}  "
                f"beyond the labels {beyond:>3} = {2 * beyond / water:5.2f} per 2 km2 of {water:5.1f} km2: "
                f"read by us as vessel {count[VESSEL]}, unclear {count[UNCLEAR]}, "
                f"false {count[FALSE]} = {2 * count[FALSE] / water:.2f} per 2 km2"
            )
        if misses:
            for i in np.flatnonzero(~hit):
                print(f"    missed: {r['lengths'][i]:.0f} m at px {r['labels'][i][0]:.0f}, py {r['labels'][i][1]:.0f}")
            for s, k in zip(ships, kind, strict=True):
                if k == FALSE:
                    print(
                        f"    false: px {s.x:.0f}, py {s.y:.0f}, {s.length_px * r['size']:.0f} m, p {s.probability:.2f}"
                    )
    beyond = total[VESSEL] + total[UNCLEAR] + total[FALSE]
    print(
        f"floor {floor:.2f}: recall >= 60 m {total['big_hit'] / max(total['big'], 1):.3f} ({total['big_hit']:.0f}/{total['big']:.0f}), "
        f"30-60 m {total['mid_hit'] / max(total['mid'], 1):.3f} ({total['mid_hit']:.0f}/{total['mid']:.0f}); "
        f"per 2 km2 of {total['water']:.0f} km2: beyond the labels {2 * beyond / total['water']:.2f}, "
        f"false by our reading {2 * total[FALSE] / total['water']:.2f} to {2 * (total[FALSE] + total[UNCLEAR]) / total['water']:.2f}; "
        f"length error {np.mean(np.abs(errors)):.1f} m mean absolute, {np.median(errors):+.1f} m median, "
        f"80 % interval holds {100 * np.mean(held):.0f} %"
    )
    if verbose:
        print("reliability (vessel: labelled or read by us as one; unclear left out):")
        for low in np.arange(0, 1, 0.2):
            part = [(p, k) for p, k in chances if low <= p < low + 0.2 and k != UNCLEAR]
            if part:
                print(
                    f"  {low:.1f}-{low + 0.2:.1f}: stated {np.mean([p for p, _ in part]):.2f}, "
                    f"labelled {np.mean([k == LABELLED for _, k in part]):.2f}, "
                    f"vessel {np.mean([k in (LABELLED, VESSEL) for _, k in part]):.2f} of {len(part)}"
                )


if __name__ == "__main__":
    main()
