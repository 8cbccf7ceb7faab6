"""Other ways to search the six labelled Sentinel-2 ports with the networks at hand, side by side; none is shipped.

    python bench/imagery_s2_ways.py [PORTS_FOLDER] [--networks FOLDER] [--ways "NAME;NAME"]

More views of each window averaged, other ways to take ships out of the score maps, and other logistics over the same
candidates: recall of ships of 60 m and more at one, two and four candidates per 2 km2, first of all beyond the labels,
then of those false by our reading, and the mean of the six. Networks and logistics never saw the port
(bench/imagery_s2_ports.py); what the logistic adds up is fitted anew for every way. Without --networks the shipped
mean is taken apart into its three networks, each of which left out two ports (needs onnx).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
from scipy import ndimage

from imagery_s2_ports import DEFAULT, FALSE, LABELLED, UNCLEAR, VESSEL, logistic, read, searched
from tumen.imagery import judging, optical

FOUR = [(0, 1), (2, 1), (1, -1), (3, -1)]
EIGHT = [(quarter, mirror) for quarter in range(4) for mirror in (1, -1)]
GRID = [(0, 0), (4, 2), (2, 6), (5, 5), (1, 3), (6, 1), (3, 4), (7, 7)]  # pixels: against the network's grid of 8
HALVES = [(0, 0), (0.5, 0.5), (4.5, 0), (0, 0.5), (7.5, 0.5), (0.5, 7.5), (2, 2.5), (7.5, 7.5)]
# A view: turn and mirroring, shift (rows, columns), scale.
VIEWS = {
    "as shipped (4 views)": [(t, (0, 0), 1.0) for t in FOUR],
    "8 turns": [(t, (0, 0), 1.0) for t in EIGHT],
    "8 turns, whole shifts": [(t, s, 1.0) for t, s in zip(EIGHT, GRID, strict=True)],
    "8 turns, half shifts": [(t, s, 1.0) for t, s in zip(EIGHT, HALVES, strict=True)],
    "scales 0.8, 1, 1.25": [(t, s, z) for z in (1.0, 0.8, 1.25) for t, s in zip(FOUR, GRID, strict=False)],
}
PEAKS = ("smoothed maps", "core times hull", "hull from 0.1", "hull from 0.35")


def resized(layers: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Layers brought to another height and width, bilinear."""
    ratio = [to / at for to, at in zip(shape, layers.shape[1:], strict=True)]
    return np.stack([ndimage.zoom(v, ratio, order=1, grid_mode=True, mode="nearest") for v in layers])


def moved(layers: np.ndarray, by: tuple[float, float]) -> np.ndarray:
    """Layers shifted by less than a pixel, bilinear."""
    return np.stack([ndimage.shift(v, by, order=1, mode="nearest") for v in layers]) if any(by) else layers


def view(runner, part: np.ndarray, turn: tuple[int, int], shift: tuple[float, float], scale: float) -> np.ndarray:
    """Scores of one window as one view gives them, back in the window's own pixels."""
    whole = [int(s) for s in shift]
    rest = (shift[0] - whole[0], shift[1] - whole[1])
    seen = part if scale == 1 else resized(part, tuple(max(8, round(n * scale)) for n in part.shape[1:]))
    seen = np.pad(moved(seen, rest), ((0, 0), (whole[0], 0), (whole[1], 0)), mode="edge")
    z = ONE_VIEW(runner, seen, (turn,))[:, whole[0] :, whole[1] :]
    z = moved(z, (-rest[0], -rest[1]))
    return z if scale == 1 else resized(z, part.shape[1:])


ONE_VIEW = optical._scores
INSTANCES = optical.instances


def with_views(views: list):
    """In place of `optical._scores`: near land the mean of these views, over open water the first of them."""

    def scores(runner, part, turns):
        return np.mean([view(runner, part, *v) for v in (views if len(turns) > 1 else views[:1])], 0)

    return mock.patch.object(optical, "_scores", scores)


def with_peaks(name: str):
    """Another way to take ships out of the score maps."""
    if name.startswith("hull from"):
        return mock.patch.object(optical, "BODY", float(name.split()[-1]))

    def instances(body, core, *rest):
        if name == "smoothed maps":
            return INSTANCES(ndimage.gaussian_filter(body, 0.7), ndimage.gaussian_filter(core, 0.7), *rest)
        return INSTANCES(body, np.sqrt(body * core), *rest)

    return mock.patch.object(optical, "instances", instances)


def with_colour():
    """What contrast alone sees of a candidate (each band over the water, and how uneven it is) joins its features."""
    ship = optical._ship

    def seen(y, x, body, core, data, *rest):
        made = ship(y, x, body, core, data, *rest)
        made.features.update({f"band_{k}": float(data[k, y, x].mean()) for k in range(5)})
        made.features["uneven"] = float(data[:5].max(0)[y, x].std())
        return made

    return mock.patch.object(optical, "_ship", seen)


def fused(results: list[dict], held: float) -> None:
    """One logistic of the network's score, contrast and surroundings at once; the port itself is left out of the fit."""
    rows, known = [], []
    for r in results:
        seen = []
        for s in r["ships"]:
            own = {k: v for k, v in s.features.items() if k.startswith("band_") or k == "uneven"}
            around = judging.lie_terms(s.features, 0.5)
            # The stated chance is no term: of the other ports it was fitted with this port's labels in hand, and a
            # logistic that holds it reads them back: recall that looks better by far, and is not.
            del around["base"]
            seen.append({**judging.terms(s.features, r["size"]), **around, **own})
        rows.append(seen)
        known.append(read(r, r["ships"])[1])
    for i, r in enumerate(results):
        others = [
            (row, kind in (LABELLED, VESSEL))
            for j in range(len(results))
            if j != i
            for row, kind in zip(rows[j], known[j], strict=True)
            if kind != UNCLEAR
        ]
        intercept, weights = logistic([row for row, _ in others], np.array([good for _, good in others], float), held)
        for ship, row in zip(r["ships"], rows[i], strict=True):
            score = intercept + sum(weights[n] * row[n] for n in weights)
            ship.probability = float(1 / (1 + np.exp(-np.clip(score, -30, 30))))


def off_median(results: list[dict]) -> None:
    """Log odds less half their median over the port's own candidates."""
    for r in results:
        odds = np.array([np.log(s.probability / (1 - s.probability)) for s in r["ships"]])
        for ship, value in zip(r["ships"], odds - 0.5 * np.median(odds), strict=True):
            ship.probability = float(1 / (1 + np.exp(-value)))


def tell(name: str, results: list[dict], seconds: float | None = None) -> None:
    """Print the six recalls, their mean and the processor time of the search."""
    water = sum(r["water_km2"] for r in results)
    big = sum((r["lengths"] >= 60).sum() for r in results)
    rows = []
    for floor in np.unique([round(s.probability, 2) for r in results for s in r["ships"]]):
        hits = beyond = false = 0
        for r in results:
            pairs, kind = read(r, [s for s in r["ships"] if s.probability >= floor])
            hits += int((r["lengths"][[i for i, _ in pairs]] >= 60).sum())
            beyond += len(kind) - kind.count(LABELLED)
            false += kind.count(FALSE)
        rows.append((beyond, false, hits))
    recalls = [
        max((row[2] for row in rows if row[which] <= budget * water / 2), default=0) / big
        for which in (0, 1)
        for budget in (1, 2, 4)
    ]
    took = "" if seconds is None else f", {seconds:.0f} processor seconds"
    print(f"{name:<22}", *(f"{v:.2f}" for v in recalls), f"mean {np.mean(recalls):.3f}{took}", flush=True)


def apart(folder: Path) -> None:
    """Take the shipped mean apart: `ships-without-PORT.onnx`, as bench/imagery_train.py --folds wrote them."""
    import onnx
    from onnx import helper

    whole = onnx.load(Path(optical.__file__).with_name("weights") / "ships.onnx")
    graph = whole.graph
    # The order of imagery_train.pairs: fewest vessels with most.
    for number, ports in enumerate((("honolulu", "busan"), ("casablanca", "gdynia"), ("klang", "algiers"))):
        mine = f"{number}/"
        nodes = [n for n in graph.node if all(o.startswith(mine) for o in n.output)]
        nodes.append(helper.make_node("Identity", [mine + "z"], ["z"]))
        weights = [w for w in graph.initializer if w.name.startswith(mine)]
        made = helper.make_model(
            helper.make_graph(nodes, "ships", list(graph.input), list(graph.output), weights),
            opset_imports=list(whole.opset_import), ir_version=whole.ir_version,
        )  # fmt: skip
        for port in ports:
            onnx.save(made, str(folder / f"ships-without-{port}.onnx"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--networks", type=Path)
    parser.add_argument("--ways", help="names with semicolons; all if left out", default=";".join((*VIEWS, *PEAKS)))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        networks = args.networks or Path(made)
        if args.networks is None:
            apart(networks)
        for name in args.ways.split(";"):
            began = time.process_time()
            with with_views(VIEWS[name]) if name in VIEWS else with_peaks(name), with_colour():
                results = searched(args.folder, networks)
            tell(name, results, time.process_time() - began)
            if name in ("as shipped (4 views)", "8 turns, half shifts"):
                chances = [[s.probability for s in r["ships"]] for r in results]
                for other, change in (
                    ("  one logistic, loose", lambda r: fused(r, 0.5)),
                    ("  one logistic, held", lambda r: fused(r, 20.0)),
                    ("  less port's median", off_median),
                ):
                    change(results)
                    tell(other, results)
                    for r, kept in zip(results, chances, strict=True):
                        for ship, p in zip(r["ships"], kept, strict=True):
                            ship.probability = p


if __name__ == "__main__":
    main()
