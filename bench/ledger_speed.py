"""Time and memory of the account and the front on the Najin case, 4,000 draws, with simulated cargo.

    python bench/ledger_speed.py [--runs 5]

Prints seconds of wall and of processor time for each step, best of the runs, and the peak memory of the process
above what the tables of the input took. Budget: both under 2 s together and 400 MB.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.case import Case
from tumen.ledger.account import repeated

CASE = Path(__file__).resolve().parents[1] / "cases" / "najin"
PERIOD = (dt.date(2023, 8, 1), dt.date(2025, 12, 31))
DRAWS = 4000
# Simulated: boxes a month and rounds a box, of the order of the published counts.
BOXES, PER_BOX = (
    600,
    {"rounds_152": 90, "rounds_122": 95, "rockets_122": 25, "mortar_120": 30, "containers": 1, "rounds": 240},
)


def simulated_cargo(seed: int) -> pa.Table:
    """Cargo of the size that the cargo step gives: 4,000 draws, 29 months, two streams."""
    rng = np.random.default_rng(seed)
    months = [dt.date(n // 12, n % 12 + 1, 1) for n in range(2023 * 12 + 7, 2026 * 12)]
    level = np.exp(rng.normal(0, 0.25, DRAWS))
    streams = {"sea": 0.8, "rail": 0.2}
    keys = [(m, s, c) for m in months for s in streams for c in PER_BOX]
    quantity = [rng.poisson(BOXES * streams[s] * level) * float(PER_BOX[c]) for _, s, c in keys]
    return tables.CARGO.build(
        {
            "draw": np.tile(np.arange(DRAWS, dtype=np.int32), len(keys)),
            "month": pa.array(np.repeat(np.array([k[0] for k in keys], dtype="datetime64[D]"), DRAWS)),
            "stream": repeated([k[1] for k in keys], DRAWS),
            "commodity": repeated([k[2] for k in keys], DRAWS),
            "quantity": np.concatenate(quantity),
        }
    )


def peak_mb() -> float:
    """Peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def best(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """Least wall and processor seconds over the runs."""
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    from tumen.ledger import account, front

    as_of = dt.date(2026, 6, 30)
    case = Case.load(CASE).as_of(as_of)
    claims = case.tables()["claims"]
    cargo = simulated_cargo(1)
    print(f"simulated cargo: {cargo.num_rows:,} rows, {DRAWS:,} draws; peak before the steps {peak_mb():.0f} MB")
    walls = 0.0
    for name, work in (
        ("front", lambda: front(cargo, case.front, claims, PERIOD, 1)),
        ("account", lambda: account(cargo, case.transfers, case.prices, claims, PERIOD, as_of, 1)),
    ):
        wall, cpu = best(work, runs)
        walls += wall
        print(f"{name:8s} {wall:6.2f} s wall, {cpu:6.2f} s processor, peak {peak_mb():.0f} MB")
    print(f"both     {walls:6.2f} s wall (budget 2 s), peak {peak_mb():.0f} MB (budget 400 MB)")


if __name__ == "__main__":
    main()
