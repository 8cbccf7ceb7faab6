"""Were containers and rounds foretold? Every later claim on cargo of the Najin case, as of four days, hits and misses.

    python bench/cargo_backtest.py [--keep FILE] [--days 2023-10-16 ...]

Prints, as Markdown: by day and method how many published figures lie in the 50, 80 and 95 % interval, the mean CRPS of
the logarithm and the mean log score, figures that were derived from others apart; then every figure outside the model's
80 % interval. `--keep` writes the table BACKTEST as CSV.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

import tumen

DAYS = ("2023-10-16", "2024-03-01", "2024-07-31", "2024-11-01")
NAJIN = Path(__file__).resolve().parents[1] / "cases" / "najin"


def scores(rows: list[dict[str, Any]]) -> str:
    """Hits and mean scores of some rows, as cells."""
    hits = [sum(r[k] for r in rows) for k in ("inside50", "inside80", "inside95")]
    errors = [r["crps_log"] for r in rows if r["crps_log"] is not None]
    mean = sum(errors) / len(errors) if errors else float("nan")
    return f"{len(rows)} | {hits[0]} | {hits[1]} | {hits[2]} | {mean:.2f} | {sum(r['log_score'] for r in rows) / len(rows):.2f}"


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("--keep", type=Path)
    ask.add_argument("--days", nargs="+", default=list(DAYS))
    given = ask.parse_args()
    parts = []
    for day in given.days:
        began = time.process_time()
        parts.append(tumen.open(NAJIN).backtest(dt.date.fromisoformat(day)))
        print(f"as of {day}: {time.process_time() - began:.1f} s of processor time, ships and cargo", flush=True)
    table = pa.concat_tables(parts)
    if given.keep:
        pacsv.write_csv(table.drop_columns(["parents"]), given.keep)
    rows = [r for r in table.to_pylist() if r["used"] is not None]
    print(
        "\n| as of | method | figures | in 50 % | in 80 % | in 95 % | log CRPS | log score |\n|---|---|---|---|---|---|---|---|"
    )
    for own, derived in ((True, False), (False, True)):
        mine = [r for r in rows if (r["used"] == "derived") is derived]
        for day in [*given.days, "all"]:
            for method in dict.fromkeys(r["method"] for r in mine):
                found = [r for r in mine if r["method"] == method and day in (r["as_of"].isoformat(), "all")]
                if found:
                    print(f"| {day}{'' if own else ', derived'} | {method} | {scores(found)} |")
    mine = [r for r in rows if r["used"] != "derived"]
    line = {(r["as_of"], r["claim_id"]) for r in mine if r["method"] == "straight line"}
    both = [r for r in mine if r["method"] == "tumen" and (r["as_of"], r["claim_id"]) in line]
    print(f"| all that the line foretells | tumen | {scores(both)} |")
    print("\nOutside the model's 80 % interval:\n")
    print("| as of | claim | published | foretold: median, 80 %, 95 % |\n|---|---|---|---|")
    for r in rows:
        if r["method"] == "tumen" and not r["inside80"]:
            told = f"{r['median']:.3g}, {r['low80']:.3g} to {r['high80']:.3g}, {r['low95']:.3g} to {r['high95']:.3g}"
            print(f"| {r['as_of']} | {r['claim_id']} ({r['used']}) | {r['published_value']:.3g} | {told} |")


if __name__ == "__main__":
    main()
