"""What the count costs in looks, ports and hulls.

    python bench/traffic_scale.py            # the small ladder
    python bench/traffic_scale.py --large    # and ten years of daily looks at twenty ports

Prints seconds of wall and of processor time and the peak memory of one process without workers.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import datetime as dt
import resource
import time

import pyarrow as pa

from tumen import tables
from tumen.case.traffic_settings import SpreadPrior, TrafficSettings
from tumen.simulate.traffic import World, world
from tumen.traffic import count

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


def timed(label: str, made: World, hulls: int | None = None) -> None:
    """Count once and print the cost."""
    vessels = made.vessels
    if hulls is not None:
        rows = [
            {"vessel": f"Hull {i}", "kind": "named", "length_m": 90.0 + i, "on_route": True, "source_ids": []}
            for i in range(hulls)
        ]
        vessels = pa.concat_tables([vessels, tables.VESSELS.build(rows)])
    wall, busy = time.perf_counter(), time.process_time()
    count(made.looks, made.claims, made.places, vessels, SETTINGS, made.period, seed=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"| {label} | {made.looks.num_rows} | {time.perf_counter() - wall:.1f} | {time.process_time() - busy:.1f} | {peak:.0f} |",
        flush=True,
    )


def main() -> None:
    """Run the ladder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="also ten years of daily looks at twenty ports")
    asked = parser.parse_args()
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, 4,000 draws, one process")
    print("| case | looks | wall s | processor s | peak MiB so far |")
    print("|---|---|---|---|---|")
    for days in (120, 365, 730):
        timed(f"one port, {days} days, daily looks", several(days, ["daily"], 1))
    for days in (365,):
        timed(f"one port, {days} days, a look every third day or so", several(days, ["sparse"], 1))
    for ports in (2, 4):
        timed(f"{ports} ports, 365 days, daily looks", several(365, ["daily"], ports))
    for hulls in (0, 10, 40):
        timed(f"one port, 365 days, hulls named, {hulls + 3} on the roster", several(365, ["named"], 1), hulls)
    if asked.large:
        timed("20 ports, 3,650 days, daily looks", several(3650, ["daily"], 20))


if __name__ == "__main__":
    main()
