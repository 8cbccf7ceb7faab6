"""What the count costs in looks, ports and hulls.

    python bench/traffic_scale.py                      # the small ladder
    python bench/traffic_scale.py --case cases/najin   # the count of a case, and its backtest at one date
    python bench/traffic_scale.py --large --workers 2  # ten years of daily looks at twenty ports

Prints seconds of wall and of processor time (workers included), the peak memory of this process and that of the
largest worker.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import datetime as dt
import resource
import time
from pathlib import Path

import pyarrow as pa

import tumen
from tumen import tables
from tumen.case.traffic_settings import SpreadPrior, TrafficSettings
from tumen.engine import executor
from tumen.simulate.traffic import World, world
from tumen.traffic import backtest, count

SETTINGS = TrafficSettings(rate_per_day=SpreadPrior(median=0.2, factor=3.0), particles=4000, horizon_months=0)


def several(days: int, kinds: list[str], ports: int) -> World:
    """Worlds side by side: one port of loading each, in one case."""
    made = [world(SETTINGS, days, kinds, seed) for seed in range(ports)]
    looks, places = [], []
    for i, one in enumerate(made):
        looks += [{**r, "place": f"Port {i}", "look_id": f"{i}-{r['look_id']}"} for r in one.looks.to_pylist()]
        places.append({**one.places.to_pylist()[0], "place": f"Port {i}", "lat": 0.0, "lon": 5.0 * i})
    first = made[0]
    return World(
        first.arrived,
        first.left,
        first.ship,
        first.length_m,
        days,
        first.period,
        tables.LOOKS.build(looks),
        tables.CLAIMS.empty(),
        tables.PLACES.build(places),
        first.vessels,
    )


def timed(label: str, made: World, hulls: int | None = None, workers: int = 1) -> float:
    """Count once, print the cost, and give its processor seconds."""
    vessels = made.vessels
    if hulls is not None:
        rows = [
            {"vessel": f"Hull {i}", "kind": "named", "length_m": 90.0 + i, "on_route": True, "source_ids": []}
            for i in range(hulls)
        ]
        vessels = pa.concat_tables([vessels, tables.VESSELS.build(rows)])
    with Cost(label, made.looks.num_rows) as cost, executor(workers, None) as pool:
        count(made.looks, made.claims, made.places, vessels, SETTINGS, made.period, seed=1, executor=pool)
    return cost.spent


class Cost:
    """Prints what the work inside it cost."""

    def __init__(self, label: str, looks: int) -> None:
        self.label, self.looks, self.spent = label, looks, 0.0

    def __enter__(self) -> Cost:
        self.wall, self.busy = time.perf_counter(), busy()
        return self

    def __exit__(self, *_: object) -> None:
        wall, spent = time.perf_counter() - self.wall, busy() - self.busy
        self.spent = spent
        peak, worker = (
            resource.getrusage(of).ru_maxrss / 1024 for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        print(f"| {self.label} | {self.looks} | {wall:.1f} | {spent:.1f} | {peak:.0f} | {worker:.0f} |", flush=True)


def busy() -> float:
    """Processor seconds of this process and of its finished workers."""
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def of_case(folder: Path) -> None:
    """The count of a case as it stands, and one backtest."""
    study = tumen.open(folder)
    looks, case = study.table("looks"), study.case.tables()
    settings = study.case.settings.traffic or TrafficSettings()
    given = (looks, case["claims"], case["places"], case["vessels"])
    period, seed = study.case.settings.period, study.case.settings.seed
    with Cost(f"{folder.name}: count", looks.num_rows):
        count(*given, settings, period, seed)
    day = period[0] + dt.timedelta(days=365)
    known = study.case.as_of(day).settings.traffic or TrafficSettings()
    with Cost(f"{folder.name}: backtest as of {day}", looks.num_rows):
        backtest(*given, known, period, day, seed)


def main() -> None:
    """Run the ladder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="also ten years of daily looks at twenty ports")
    parser.add_argument("--workers", type=int, default=1, help="processes for the ports of --large")
    parser.add_argument("--figure", type=Path, help="SVG or PNG of the ladder")
    parser.add_argument("--case", type=Path, help="a case folder to count in place of the ladder")
    asked = parser.parse_args()
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, 4,000 draws")
    print("| case | looks | wall s | processor s | peak MiB so far | largest worker MiB |")
    print("|---|---|---|---|---|---|")
    if asked.case:
        of_case(asked.case)
    if asked.large:
        timed("20 ports, 3,650 days, daily looks", several(3650, ["daily"], 20), workers=asked.workers)
    if asked.case or asked.large:
        return
    timed("warm up: one port, 60 days", several(60, ["named"], 1))  # libraries and compiled loops are loaded once
    cost: dict[str, dict[int, float]] = {
        "days of daily looks, one port": {},
        "ports, 365 days each": {},
        "hulls on the roster": {},
    }
    for days in (120, 365, 730, 1460):
        spent = timed(f"one port, {days} days, daily looks", several(days, ["daily"], 1))
        cost["days of daily looks, one port"][days] = spent
    timed("one port, 365 days, a look every third day or so", several(365, ["sparse"], 1))
    for ports in (1, 2, 4):
        spent = timed(f"{ports} ports, 365 days, daily looks", several(365, ["daily"], ports))
        cost["ports, 365 days each"][ports] = spent
    for hulls in (0, 10, 40):
        spent = timed(f"one port, 365 days, hulls named, {hulls + 3} on the roster", several(365, ["named"], 1), hulls)
        cost["hulls on the roster"][hulls + 3] = spent
    if asked.figure:
        draw(cost, asked.figure)


def draw(cost: dict[str, dict[int, float]], path: Path) -> None:
    """Processor seconds against looks, ports and hulls."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "tumen", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(cost), figsize=(10, 3), sharey=True, layout="constrained")
    for axis, (name, spent) in zip(axes, cost.items(), strict=True):
        axis.plot(list(spent), list(spent.values()), "o-")
        axis.set_xlabel(name)
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("processor seconds a count")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
