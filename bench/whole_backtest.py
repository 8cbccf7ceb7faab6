"""Count, weigh and a backtest at one date, from an empty store: what the budget of 10 s and 1 GiB is about.

    python bench/whole_backtest.py [CASE] [--as-of DATE] [--runs N]

Two ways: as a user types it (`tumen show CASE origins`, which counts and weighs, then `tumen backtest CASE`, each with its
own start of the program), and in one process from a notebook. Prints seconds by the clock, processor seconds and the
peak memory of a process for each, and the sum by the clock. Loops that were compiled by an earlier run are loaded, not
compiled again; the first run after an installation takes some seconds longer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ONE = """
import datetime as dt, sys, tumen
study = tumen.open(sys.argv[1], store=sys.argv[2])
study.run(until="weigh")
study.backtest(dt.date.fromisoformat(sys.argv[3]))
"""


def main() -> None:
    """Run both ways and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("case", nargs="?", default=str(Path(__file__).resolve().parents[1] / "cases" / "najin"))
    parser.add_argument("--as-of", default="2024-03-01")
    parser.add_argument("--runs", type=int, default=1)
    given = parser.parse_args()
    print("| what | s by the clock | processor s | peak MiB |\n|---|---|---|---|")
    for _ in range(given.runs):
        with tempfile.TemporaryDirectory() as store:
            tumen = [sys.executable, "-m", "tumen.cli"]
            to_store = ["--store", store]
            count = timed("`tumen show CASE origins`", [*tumen, "show", given.case, "origins", *to_store])
            score = timed("`tumen backtest CASE`", [*tumen, "backtest", given.case, "--as-of", given.as_of, *to_store])
            print(f"| both commands | {count + score:.1f} | | |", flush=True)
        with tempfile.TemporaryDirectory() as store:
            timed("the same in one process", [sys.executable, "-c", ONE, given.case, store, given.as_of])


def timed(label: str, command: list[str]) -> float:
    """Run a command, print what it cost, and give its seconds by the clock."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)}: ended with {os.waitstatus_to_exitcode(status)}")
    spent = used.ru_utime + used.ru_stime
    print(f"| {label} | {wall:.1f} | {spent:.1f} | {used.ru_maxrss / 1024:.0f} |", flush=True)
    return wall


if __name__ == "__main__":
    main()
