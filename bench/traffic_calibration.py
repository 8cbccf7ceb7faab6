"""Is the stated uncertainty of the count true? Simulation-based calibration, with the methods in use beside it.

    python bench/traffic_calibration.py --cases 1000 --kind mix --workers 2 --figure docs/img/traffic_calibration.svg

Draws worlds from the priors, counts each from its looks and totals, and prints by kind of evidence: coverage of
the 50, 80 and 95 % intervals, the rank histogram's chi-square p, CRPS, and seconds a case. The truth is the
number of ships that came in 120 days. Visits are whole numbers, so a truth that
equals some of the draws is given a random place among them: coverage and ranks are those of that place, and nominal
coverage can be met exactly. With --keep the scores are
added to a file after every round of the kinds, and a later run goes on from there.
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
from tumen.draws import crps
from tumen.simulate.several import fleet, two_ports
from tumen.simulate.traffic import KINDS, PORT, world
from tumen.traffic.baselines import capture_recapture, count_runs, occupancy_over_dwell
from tumen.traffic.counting import count_ports, read_cases, tie_of

DAYS = 120
LEAD_WEEKS = 8  # of the world before the period: a ship may lie in port when it begins
DRAWS = 1000
ROUND = 25  # worlds of each kind between two savings of the scores
LEVELS = (0.5, 0.8, 0.95)
ALL = (
    *(k for k in KINDS if k != "reports"),
    "mix",
    "reports",
    "two ports",
    "ais",
    "hulls across ports",
)  # the place of a kind seeds its worlds
METHODS = ("tumen", "runs", "occupancy / dwell", "capture-recapture")
SETTINGS = TrafficSettings(
    rate_per_day=SpreadPrior(median=0.2, factor=3.0),
    campaign_days=SpreadPrior(median=90.0, factor=2.0),
    selection_odds=SpreadPrior(median=6.0, factor=2.0),
    horizon_months=0,
    particles=1000,
    parameter_points=96,
    min_effective_points=30,
)


def kinds_of(kind: str, seed: int) -> list[str]:
    """The kinds of evidence in a case; the mix draws two or three of those before it."""
    if kind != "mix":
        return [kind]
    rng = np.random.default_rng(seed)
    return list(rng.choice(ALL[: ALL.index(kind)], size=int(rng.integers(2, 4)), replace=False))


def case(job: tuple[str, int]) -> dict[str, Any]:
    """Count one simulated world and score every method."""
    kind, seed = job
    # Two ports take the seeds of two more worlds, so each of them stands three apart.
    several = {"two ports": two_ports, "hulls across ports": fleet}
    if kind in several:
        made = several[kind](SETTINGS, DAYS, 3 * seed, LEAD_WEEKS)
    else:
        made = world(SETTINGS, DAYS, kinds_of(kind, seed), seed, lead_weeks=LEAD_WEEKS)
    rng = np.random.default_rng(seed + 1)
    gathered = {"reports": {"reports_gathered": True}, "ais": {"ais_gathered": True}}
    settings = SETTINGS.model_copy(update=gathered.get(kind, {}))
    began = time.process_time()
    cases, far, _, rows = read_cases(made.looks, made.claims, made.places, made.vessels, settings, made.period)
    tie = tie_of(cases, far, made.claims, rows)[0]
    ports, tied = count_ports(cases, tie, np.random.SeedSequence(seed + 1).spawn(len(cases)), DRAWS, None)
    seconds = time.process_time() - began
    dwell = SETTINGS.dwell_at(PORT).median
    draws = {m: np.zeros(DRAWS) for m in METHODS}
    for one in ports:
        looks = one.case.looks.observations
        draws["tumen"] += one.paths.arrivals(0, one.case.end_unit)
        draws["runs"] += count_runs(looks, DRAWS, rng)
        draws["occupancy / dwell"] += np.round(occupancy_over_dwell(looks, DAYS, dwell, DRAWS, rng))
        draws["capture-recapture"] += np.round(capture_recapture(looks, DRAWS, rng))
    return {
        "kind": kind,
        "truth": made.visits,
        "seconds": seconds,
        "points": min(p.weighted.effective for p in ports),
        "lineages": min([p.paths.lineages for p in ports] + ([tied] if tied is not None else [])),
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
    parser.add_argument("--kind", default="all", help="some of " + ", ".join(ALL) + ", or all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20_000)
    parser.add_argument("--keep", type=Path, help="JSON of scores: read, gone on from, and added to")
    parser.add_argument("--figure", type=Path, help="SVG or PNG of all kinds run or kept")
    parser.add_argument("--detail", action="store_true", help="also every method in use, and the rank histograms")
    asked = parser.parse_args()
    kinds = list(ALL) if asked.kind == "all" else asked.kind.split(",")
    results: dict[str, list[dict[str, Any]]] = {}
    if asked.keep and asked.keep.exists():
        results = json.loads(asked.keep.read_text())
    with ProcessPoolExecutor(asked.workers) as pool:
        for until in range(ROUND, asked.cases + ROUND, ROUND):
            for kind in kinds:
                done = results.setdefault(kind, [])
                first = asked.seed + 1_000_000 * (ALL.index(kind) + 1)  # no two kinds share a world
                jobs = [(kind, first + i) for i in range(len(done), min(until, asked.cases))]
                done += pool.map(case, jobs, chunksize=1)
                if asked.keep and jobs:
                    part = asked.keep.with_suffix(".part")
                    part.write_text(json.dumps(results))
                    part.replace(asked.keep)
    order = [k for k in ALL if k in results]
    table({k: results[k] for k in order})
    if asked.detail:
        detail({k: results[k] for k in order})
    if asked.figure:
        draw({k: results[k] for k in order}, asked.figure)


def table(results: dict[str, list[dict[str, Any]]]) -> None:
    """Print coverage by kind, with the methods in use beside it."""
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, worlds of {DAYS} days, {DRAWS} draws each")
    print(
        "| evidence | worlds | 50 % | 80 % | 95 % | rank p | CRPS | s a case | below a gate | least points | least paths |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for kind, done in results.items():
        ranks = ranks_of(done, "tumen")
        inside = " | ".join(f"{100 * c:.1f}" for c in coverage(ranks))
        below = [
            d["points"] < SETTINGS.min_effective_points or d["lineages"] < SETTINGS.min_effective_paths for d in done
        ]
        print(
            f"| {kind} | {len(done)} | {inside} | {uniform_p(ranks):.3f} | {mean_crps(done, 'tumen'):.2f} | "
            f"{np.mean([d['seconds'] for d in done]):.2f} | {100 * np.mean(below):.1f} % | "
            f"{min(d['points'] for d in done):.0f} | {min(d['lineages'] for d in done):.0f} |"
        )
    print("\nMethods in use: coverage of 50 / 80 / 95 % intervals, and CRPS")
    print("| evidence | " + " | ".join(METHODS) + " |")
    print("|---" * (len(METHODS) + 1) + "|")
    for kind, done in results.items():
        cells = [
            " / ".join(f"{100 * c:.0f}" for c in coverage(ranks_of(done, m))) + f", {mean_crps(done, m):.2f}"
            for m in METHODS
        ]
        print(f"| {kind} | " + " | ".join(cells) + " |")


def detail(results: dict[str, list[dict[str, Any]]]) -> None:
    """Print the rank histograms: worlds in each twentieth, and the mean place of the truth."""
    for kind, done in results.items():
        ranks = ranks_of(done, "tumen")
        print(f"{kind}: mean place {ranks.mean():.3f}", np.histogram(ranks, bins=20, range=(0, 1))[0].tolist())


def ranks_of(done: list[dict[str, Any]], method: str) -> np.ndarray:
    """Places of the truths, (N,)."""
    return np.clip([d["rank"][method] for d in done], 0, 1)


def mean_crps(done: list[dict[str, Any]], method: str) -> float:
    """Mean CRPS in visits."""
    return float(np.mean([d["crps"][method] for d in done]))


def draw(results: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Coverage and CRPS by kind and method, and the rank histograms of all kinds."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "tumen", "font.size": 8})
    from matplotlib import pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4.2), width_ratios=(5, 4, 4), layout="constrained")
    kinds = [f"{kind} ({len(done)})" for kind, done in results.items()]
    marks = dict(zip(METHODS, ("o", "s", "^", "D"), strict=True))
    for number, method in enumerate(METHODS):
        look = {"color": f"C{number}", "ms": 4, "alpha": 0.9}
        shares = np.array([coverage(ranks_of(done, method)) for done in results.values()])
        for j in range(len(LEVELS)):
            left.plot(range(len(kinds)), 100 * shares[:, j], marks[method], label=method if j == 0 else None, **look)
        middle.plot(range(len(kinds)), [mean_crps(done, method) for done in results.values()], marks[method], **look)
    for level in LEVELS:
        left.axhline(100 * level, color="0.6", lw=0.8, zorder=0)
    left.set_ylim(0, 100)
    left.set_ylabel("truths inside, % (lines: 50, 80, 95)")
    middle.set_yscale("log")
    middle.set_ylabel("mean CRPS, visits")
    for axis in (left, middle):
        axis.set_xticks(range(len(kinds)), kinds, rotation=60, ha="right")
    left.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=4, frameon=False)
    ranks = np.array([np.histogram(ranks_of(d, "tumen"), bins=20, range=(0, 1))[0] / len(d) for d in results.values()])
    shown = right.imshow(
        20 * ranks, aspect="auto", cmap="RdBu_r", vmin=0.3, vmax=1.7, extent=(0, 1, len(kinds) - 0.5, -0.5)
    )
    right.set_yticks(range(len(kinds)), [f"{k}, p {uniform_p(ranks_of(d, 'tumen')):.2f}" for k, d in results.items()])
    right.set_xlabel("place of the truth in Tumen's draws")
    figure.colorbar(shown, ax=right, label="share of worlds over that of a flat histogram", shrink=0.8)
    figure.suptitle("Simulated worlds: does the stated uncertainty hold?")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    print(f"figure: {path}")


if __name__ == "__main__":
    main()
