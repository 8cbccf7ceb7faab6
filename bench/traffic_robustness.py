"""How far does coverage fall where the world is not as the settings say?

    python bench/traffic_robustness.py --cases 200 --workers 2

Each row is one thing wrong by a factor of two, the model not told: stays twice as long or half as long as the
prior's centre, cloudy looks that were taken for clear ones, chosen looks with twice the odds, false sightings
twice as frequent, and other ships that lie in the berth for days. Printed: coverage of the 50, 80 and 95 %
intervals for the number of visits in 120 days, mean error in visits, and CRPS.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import datetime as dt
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from traffic_calibration import DAYS, DRAWS, LEAD_WEEKS, SETTINGS, coverage, rank
from tumen.draws import crps
from tumen.simulate.traffic import Truth, world
from tumen.traffic.counting import count_port, read_cases

WRONG: dict[str, tuple[str, Truth]] = {
    "nothing wrong, daily looks": ("daily", Truth()),
    "stays twice as long": ("daily", Truth(dwell_factor=2.0)),
    "stays half as long": ("daily", Truth(dwell_factor=0.5)),
    "cloud twice as frequent, told": ("daily", Truth(cloud_share=0.6)),
    "half-clouded looks told as clear": ("daily", Truth(partly_told=False)),
    "nothing wrong, chosen looks": ("tasked", Truth()),
    "odds of choice twice as high": ("tasked", Truth(selection_factor=2.0)),
    "looks chosen with one zeal for all months": ("tasked", Truth(one_choice=True)),
    "hulls told by name, all of them": ("named", Truth()),
    "hulls told by name, of the roster's alone": ("named", Truth(strangers_named=False)),
    "false sightings twice as frequent": ("daily", Truth(false_factor=2.0)),
    "another ship in the berth 1 day in 10": ("daily", Truth(other_ship_days=0.1)),
    "another ship in the berth 1 day in 5": ("daily", Truth(other_ship_days=0.2)),
}


def case(job: tuple[str, int]) -> tuple[float, float, float]:
    """Rank of the truth, error of the mean, CRPS."""
    name, seed = job
    kind, truth = WRONG[name]
    made = world(SETTINGS, DAYS, [kind], seed, truth, LEAD_WEEKS)
    rng = np.random.default_rng(seed + 1)
    one = read_cases(made.looks, made.claims, made.places, made.vessels, SETTINGS, made.period)[0][0]
    draws = count_port(one, rng, DRAWS).paths.arrivals(0, one.end_unit).astype(float)
    return rank(draws, made.visits, rng), float(draws.mean()) - made.visits, crps(draws, made.visits)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--row", default="", help="only rows whose name holds this")
    asked = parser.parse_args()
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {asked.cases} worlds of {DAYS} days a row")
    print("| what is wrong | 50 % | 80 % | 95 % | mean error, visits | CRPS |")
    print("|---|---|---|---|---|---|")
    with ProcessPoolExecutor(asked.workers) as pool:
        for name in (n for n in WRONG if asked.row in n):
            done = np.array(list(pool.map(case, [(name, 50_000 + i) for i in range(asked.cases)], chunksize=4)))
            inside = " | ".join(f"{100 * c:.0f}" for c in coverage(np.clip(done[:, 0], 0, 1)))
            print(f"| {name} | {inside} | {done[:, 1].mean():+.1f} | {done[:, 2].mean():.2f} |", flush=True)


if __name__ == "__main__":
    main()
