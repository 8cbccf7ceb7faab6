"""Is the stated uncertainty of the count true? Simulation-based calibration, with the methods in use beside it.

    python bench/traffic_calibration.py --cases 1000 --kind mix --workers 2 --figure docs/img/traffic_calibration.svg

Draws worlds from the priors, counts each from its looks and totals, and prints by kind of evidence: coverage of
the 50, 80 and 95 % intervals, the rank histogram's chi-square p, CRPS, and seconds a case. The truth is the
number of ships that came in 120 days. Intervals are for whole numbers: a truth on the edge counts by the share
of the edge's mass that belongs inside, so nominal coverage can be met exactly.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import datetime as dt
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tumen.case.traffic_settings import SpreadPrior, TrafficSettings
from tumen.simulate.traffic import KINDS, PORT, world
from tumen.traffic.baselines import capture_recapture, count_runs, crps, occupancy_over_dwell
from tumen.traffic.counting import count_port, read_cases

DAYS = 120
DRAWS = 1000
LEVELS = (0.5, 0.8, 0.95)
METHODS = ("tumen", "runs", "occupancy / dwell", "capture-recapture")
SETTINGS = TrafficSettings(
    rate_per_day=SpreadPrior(median=0.2, factor=3.0),
    campaign_days=SpreadPrior(median=90.0, factor=2.0),
    selection_odds=SpreadPrior(median=6.0, factor=2.0),
    horizon_months=0,
    particles=2000,
    parameter_points=192,
)


def kinds_of(kind: str, seed: int) -> list[str]:
    """The kinds of evidence in a case; the mix draws two or three of them."""
    if kind != "mix":
        return [kind]
    rng = np.random.default_rng(seed)
    return list(rng.choice(KINDS, size=int(rng.integers(2, 4)), replace=False))


def case(job: tuple[str, int]) -> dict[str, Any]:
    """Count one simulated world and score every method."""
    kind, seed = job
    made = world(SETTINGS, DAYS, kinds_of(kind, seed), seed)
    rng = np.random.default_rng(seed + 1)
    began = time.process_time()
    one = read_cases(made.looks, made.claims, made.places, made.vessels, SETTINGS, made.period)[0][0]
    counted = count_port(one, rng, DRAWS)
    seconds = time.process_time() - began
    looks = one.looks.observations
    draws = {
        "tumen": counted.paths.arrivals(0, one.end_unit).astype(float),
        "runs": count_runs(looks, DRAWS, rng),
        "occupancy / dwell": np.round(occupancy_over_dwell(looks, DAYS, SETTINGS.dwell_at(PORT).median, DRAWS, rng)),
        "capture-recapture": np.round(capture_recapture(looks, DRAWS, rng)),
    }
    return {
        "kind": kind,
        "truth": made.visits,
        "seconds": seconds,
        "points": counted.weighted.effective,
        "lineages": counted.paths.lineages,
        "rank": {m: rank(d, made.visits, rng) for m, d in draws.items()},
        "crps": {m: crps(d, made.visits) for m, d in draws.items()},
    }


def rank(draws: np.ndarray, truth: float, rng: np.random.Generator) -> float:
    """Randomised place of the truth in the draws, uniform on 0..1 where the draws are calibrated."""
    return float((draws < truth).mean() + rng.random() * ((draws == truth).sum() + 1) / (len(draws) + 1))


def coverage(ranks: np.ndarray) -> list[float]:
    """Share of truths inside the central intervals of `LEVELS`."""
    return [float((np.abs(ranks - 0.5) <= level / 2).mean()) for level in LEVELS]


def uniform_p(ranks: np.ndarray, bins: int = 20) -> float:
    """p of a chi-square test of the rank histogram against the uniform."""
    from scipy.stats import chisquare

    return float(chisquare(np.histogram(ranks, bins=bins, range=(0, 1))[0]).pvalue)


def main() -> None:
    """Run the cases and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--kind", default="all", help="one of " + ", ".join((*KINDS, "mix")) + ", or all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20_000)
    parser.add_argument("--keep", type=Path, help="JSON to add the scores to, so that kinds can be run one by one")
    parser.add_argument("--figure", type=Path, help="SVG or PNG of all kinds run or kept")
    asked = parser.parse_args()
    kinds = [*KINDS, "mix"] if asked.kind == "all" else asked.kind.split(",")
    results: dict[str, list[dict[str, Any]]] = {}
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {asked.cases} worlds of {DAYS} days a kind, {DRAWS} draws each")
    print("| evidence | method | 50 % | 80 % | 95 % | rank p | CRPS | s a case | least points | least paths |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor(asked.workers) as pool:
        for kind in kinds:
            began = time.perf_counter()
            first = asked.seed + 1_000_000 * ([*KINDS, "mix"].index(kind) + 1)  # no two kinds share a world
            jobs = [(kind, first + i) for i in range(asked.cases)]
            done = list(pool.map(case, jobs, chunksize=4))
            results[kind] = done
            for method in METHODS:
                ranks = np.clip([d["rank"][method] for d in done], 0, 1)
                inside = " | ".join(f"{100 * c:.0f}" for c in coverage(ranks))
                score = np.mean([d["crps"][method] for d in done])
                tail = (
                    f"{np.mean([d['seconds'] for d in done]):.2f} | {min(d['points'] for d in done):.0f} | "
                    f"{min(d['lineages'] for d in done)}"
                    if method == "tumen"
                    else " | | "
                )
                print(f"| {kind} | {method} | {inside} | {uniform_p(ranks):.3f} | {score:.2f} | {tail} |", flush=True)
            print(f"<!-- {kind}: {time.perf_counter() - began:.0f} s on the wall -->", flush=True)
    if asked.keep:
        kept = json.loads(asked.keep.read_text()) if asked.keep.exists() else {}
        results = kept | results
        asked.keep.write_text(json.dumps(results))
    if asked.figure:
        draw({k: results[k] for k in (*KINDS, "mix") if k in results}, asked.figure)


def draw(results: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Coverage by kind and method, and the rank histogram of the last kind."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "tumen", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=(3, 2))
    marks = dict(zip(METHODS, ("o", "s", "^", "D"), strict=True))
    for method in METHODS:
        for j, level in enumerate(LEVELS):
            y = [100 * coverage(np.array([d["rank"][method] for d in done]))[j] for done in results.values()]
            colour = f"C{METHODS.index(method)}"
            left.plot(
                range(len(results)), y, marks[method], color=colour, ms=5, alpha=0.9, label=method if j == 0 else None
            )
            left.axhline(100 * level, color="0.6", lw=0.8, zorder=0)
    left.set_xticks(range(len(results)), list(results), rotation=40, ha="right")
    left.set_ylabel("truths inside, % (lines: 50, 80, 95)")
    left.set_ylim(0, 100)
    left.legend(fontsize=7, loc="lower left")
    last = list(results)[-1]
    ranks = [d["rank"]["tumen"] for d in results[last]]
    right.hist(ranks, bins=20, range=(0, 1), color="C0")
    right.axhline(len(ranks) / 20, color="0.4", lw=1)
    right.set_xlabel(f"rank of the truth, {last}")
    right.set_ylabel("worlds")
    figure.suptitle("Simulated worlds: does the stated uncertainty hold?")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    print(f"figure: {path}")


if __name__ == "__main__":
    main()
