"""What would have been foretold on four days of a case, and how it came out.

    python bench/traffic_backtest.py cases/najin

Prints, by day and method, how many of the later published totals of visits and voyages lie in the 50, 80 and
95 % interval, mean CRPS and log score; every total that lay outside the 95 % interval; and one named total.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import numpy as np

import tumen

DAYS = ("2023-10-16", "2024-03-01", "2024-07-31", "2024-11-01")
METHODS = ("tumen", "constant rate", "straight line")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", type=Path, nargs="?", default=Path("cases/najin"))
    parser.add_argument("--follow", default="osc-voyages-2025-04-15", help="claim whose forecasts are printed")
    asked = parser.parse_args()
    study = tumen.open(asked.case)
    every: list[dict] = []
    print("| as of | method | totals | in 50 % | in 80 % | in 95 % | CRPS | log score |")
    print("|---|---|---|---|---|---|---|---|")
    for day in DAYS:
        rows = [
            r
            for r in study.backtest(dt.date.fromisoformat(day)).to_pylist()
            if r["quantity"] in ("visits", "voyages", "visits_per_month")
        ]
        every += rows
        for method in METHODS:
            line(day, method, [r for r in rows if r["method"] == method])
    for method in METHODS:
        line("all", method, [r for r in every if r["method"] == method])
    for r in every:
        spans = f"{r['median']:.0f}, {r['low80']:.0f} to {r['high80']:.0f}, {r['low95']:.0f} to {r['high95']:.0f}"
        if r["claim_id"] == asked.follow:
            print(f"{r['as_of']} {r['method']}: {spans}; published {r['published_value']:g}")
        elif r["method"] == "tumen" and not r["inside95"]:
            print(f"{r['as_of']} missed {r['claim_id']}: {spans}; published {r['published_value']:g}")


def line(day: str, method: str, rows: list[dict]) -> None:
    """Print one row of the table."""
    if rows:
        inside = " | ".join(str(sum(r[f"inside{level}"] for r in rows)) for level in (50, 80, 95))
        crps, score = (np.mean([r[name] for r in rows]) for name in ("crps", "log_score"))
        print(f"| {day} | {method} | {len(rows)} | {inside} | {crps:.1f} | {score:.1f} |", flush=True)


if __name__ == "__main__":
    main()
