"""Are the headline's intervals true through the whole chain? Invented cases written to files, read, run and scored.

    python bench/chain_calibration.py [--worlds 40] [--scenarios watched sparse press deceived] [--seed 1000] [--workers 2]

Each world is a case folder as `tumen simulate` writes it, so that what is scored is what a user gets: text, checks, count,
weighing and the settling of both. For visits, voyages, containers and rounds it prints how often the truth lies within the
50, 80 and 95 % interval, the truth's mean place among the draws (0.5 is right, less is an answer too high), and the mean
error of the logarithm. `deceived` breaks settings on purpose and should not hold. All data here are simulated.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import tumen
from tumen.draws import matrix
from tumen.simulate import scenario as scenarios
from tumen.simulate.folder import simulate_case

FIGURES = ("visits", "voyages", "containers", "rounds")


def draws_of(study: tumen.Study, figure: str) -> np.ndarray:
    """Joint draws of a headline figure, (D,)."""
    if figure in ("visits", "voyages"):
        table = study.table(figure)
        if figure == "visits":
            loading = [p.place for p in study.case.places if p.role == "origin"]
            table = table.filter(pc.is_in(table.column("place").cast(pa.string()), pa.array(loading)))
            return (matrix(table, "seen")[0] + matrix(table, "unseen")[0])[:, 0]
        return matrix(table, "voyages")[0][:, 0]
    cargo = study.table("cargo")
    return matrix(cargo.filter(pc.equal(cargo.column("commodity").cast(pa.string()), figure)), "quantity")[0][:, 0]


def place_of(job: tuple[str, int]) -> tuple[str, int, dict[str, tuple[float, float]], float]:
    """One world: for each figure the truth's place among the draws, 0..1, and log(median / truth)."""
    name, seed = job
    begun = time.process_time()
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as aside:
        truth = simulate_case(scenarios.read(name), Path(aside) / "case", Path(aside) / "truth.json", seed)
        study = tumen.open(Path(aside) / "case", store=Path(aside) / "store")
        out = {}
        for figure in FIGURES:
            draws, true = draws_of(study, figure), float(truth[figure])
            # Ties of a whole number are broken at random: uniform where the draws are true.
            below, same = float((draws < true).mean()), float((draws == true).mean())
            out[figure] = (below + rng.random() * same, float(np.log(max(np.median(draws), 0.5) / max(true, 0.5))))
    return name, seed, out, time.process_time() - begun


def main() -> None:
    """Simulate, run, score, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--scenarios", nargs="+", default=["watched", "sparse", "press", "deceived"])
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    # Seeds of their own: worlds of one seed share their cargo, whatever the scenario.
    jobs = [(n, given.seed + 10_000 * i + k) for i, n in enumerate(given.scenarios) for k in range(given.worlds)]
    with ProcessPoolExecutor(given.workers) as pool:
        made = list(pool.map(place_of, jobs))
    print(f"{given.worlds} worlds a scenario, seeds from {given.seed}; all simulated")
    print("| scenario | figure | 50 % | 80 % | 95 % | mean place | mean log error | s a world |")
    print("|---|---|---|---|---|---|---|---|")
    for name in given.scenarios:
        rows = [m for m in made if m[0] == name]
        seconds = float(np.mean([m[3] for m in rows]))
        for figure in FIGURES:
            places, errors = np.array([m[2][figure] for m in rows]).T
            held = " | ".join(f"{(np.abs(places - 0.5) <= level / 2).mean():.0%}"[:-1] for level in (0.5, 0.8, 0.95))
            print(f"| {name} | {figure} | {held} | {places.mean():.2f} | {errors.mean():+.2f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
