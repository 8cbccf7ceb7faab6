"""How long `weigh` takes on the Najin case, leave-one-origin-out included, and what memory it needs.

    python bench/cargo_speed.py [--runs 5]

Voyages are simulated at the pace of the published ones, so that the traffic model need not run first. Prints wall and
CPU seconds (they differ where other work shares the machine) and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import resource
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.cargo import weigh
from tumen.case import load

# Laden voyages a month from August 2023: near the published trips to March 2025, then three a month.
PROFILE = np.array([1, 3, 7, 4, 5, 6, 6, 2] + [3] * 21)


def voyages(draws: int, seed: int) -> pa.Table:
    """Simulated draws of voyages."""
    number = np.random.default_rng(seed).poisson(PROFILE, (draws, len(PROFILE)))
    d, m = np.nonzero(number)
    months = [dt.date(2023 + (7 + i) // 12, (7 + i) % 12 + 1, 1) for i in range(len(PROFILE))]
    return tables.VOYAGES.build(
        {
            "draw": d,
            "month": [months[k] for k in m],
            "origin": ["Najin"] * len(d),
            "destination": ["Vostochny"] * len(d),
            "ship": ["Angara"] * len(d),
            "voyages": number[d, m],
        }
    )


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("--runs", type=int, default=5)
    runs = ask.parse_args().runs
    case = load(Path(__file__).resolve().parents[1] / "cases" / "najin")
    rows = case.tables()
    seen = voyages(4000, 1)
    assert case.loading is not None
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        out = weigh(
            seen,
            rows["looks"],
            rows["sightings"],
            rows["claims"],
            rows["vessels"],
            case.loading,
            case.settings.period,
            1,
        )
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    print(
        f"weigh, Najin, 4,000 draws, {out['origins'].num_rows} origins each left out once, {out['cargo'].num_rows:,} rows"
    )
    print(
        f"wall: best {min(walls):.2f} s, median {np.median(walls):.2f} s; CPU: best {min(cpus):.2f} s, median {np.median(cpus):.2f} s"
    )
    print(f"peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")


if __name__ == "__main__":
    main()
