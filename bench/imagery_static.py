"""Fixed structures over simulated radar dates: how many of their detections are marked, how many ships wrongly are.

    python bench/imagery_static.py [--worlds 6] [--dates 6] [--first SEED]

Each world is an anchorage with five structures of 15 to 90 m, eight ships at anchor that swing about one spot each
and leave after a stay of random length, and passing ships; every date has its own sea (K clutter) and lies off by up to
half a pixel. Two more dates are then searched one at a time with the mask that was learned. Everything is simulated.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
from pathlib import Path

import numpy as np

from tumen.imagery import DetectSettings, Land, detect
from tumen.imagery.structures import Mask
from tumen.simulate.imagery import TrueShip, write_scene

SIDE, EVERY_DAYS, STAY_DAYS = 700, 12, 15
STRUCTURES, ANCHORED, PASSING = 5, 8, 3


def world(rng: np.random.Generator, dates: int) -> tuple[list[TrueShip], list[list[TrueShip]]]:
    """The structures, and the ships of each date."""
    spots = [(x, y) for x in range(70, SIDE - 60, 140) for y in range(70, SIDE - 60, 140)]
    rng.shuffle(spots)
    fixed = [
        TrueShip(*spots.pop(), length := float(rng.uniform(1.5, 9)), max(1.5, length * float(rng.uniform(0.3, 1))),
                 float(rng.uniform(-1.5, 1.5)), float(rng.uniform(15, 60)))
        for _ in range(STRUCTURES)
    ]  # fmt: skip
    days = [[] for _ in range(dates)]
    for _ in range(ANCHORED):
        x, y = spots.pop()
        day = -float(rng.exponential(STAY_DAYS))
        while day < dates * EVERY_DAYS:  # one ship after another on the same anchorage
            length, stay = float(np.clip(rng.lognormal(np.log(13), 0.4), 5, 30)), float(rng.exponential(STAY_DAYS))
            for k in range(dates):
                if day <= k * EVERY_DAYS < day + stay:
                    swing = float(rng.uniform(-np.pi, np.pi))
                    reach = 8 + length / 2  # chain and half a hull
                    days[k].append(
                        TrueShip(
                            x + reach * np.cos(swing), y + reach * np.sin(swing), length, length / 6.2, swing, 30.0
                        )
                    )
            day += stay + float(rng.exponential(4))
    for k in range(dates):
        for _ in range(PASSING):
            length = float(np.clip(rng.lognormal(np.log(10), 0.5), 3, 35))
            days[k].append(
                TrueShip(
                    *rng.uniform(40, SIDE - 40, 2).tolist(), length, length / 6.2, float(rng.uniform(-1.5, 1.5)), 25.0
                )
            )
    return fixed, days


def near(rows: list[dict], ship: TrueShip) -> list[dict]:
    reach = max(4.0, 0.4 * ship.length_px)
    return [r for r in rows if np.hypot(r["x"] - ship.x, r["y"] - ship.y) < reach]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--dates", type=int, default=6)
    parser.add_argument("--first", type=int, default=0)
    args = parser.parse_args()
    names = (
        "structures, dates together",
        "ships, dates together",
        "structures, later single dates",
        "ships, later single dates",
    )
    count = {name: np.zeros(2, int) for name in names}
    settings = DetectSettings(chips=False)
    for seed in range(args.first, args.first + args.worlds):
        rng = np.random.default_rng(seed)
        fixed, days = world(rng, args.dates + 2)
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for k, ships in enumerate(days):
                when = dt.datetime(2024, 1, 1, 9, tzinfo=dt.UTC) + dt.timedelta(days=EVERY_DAYS * k)
                shift = rng.uniform(-0.5, 0.5, 2)
                placed = [
                    TrueShip(s.x + shift[0], s.y + shift[1], s.length_px, s.width_px, s.angle, s.contrast)
                    for s in fixed + ships
                ]
                paths.append(Path(folder) / f"sea_{when:%Y%m%dT%H%M%S}.tif")
                write_scene(paths[-1], rng, SIDE, SIDE, kind="k", when=when, corner=(140.0, 30.0), placed=placed)
            mask = Mask()
            together = detect(map(str, paths[: args.dates]), land=Land(osm=False), settings=settings, static=mask)
            found = [("together", k, together["detections"].to_pylist()) for k in range(args.dates)]
            for k in (args.dates, args.dates + 1):
                one = detect([str(paths[k])], land=Land(osm=False), settings=settings, static=mask)
                found.append(("single", k, one["detections"].to_pylist()))
            for which, k, rows in found:
                mine = [r for r in rows if r["scene_id"] == paths[k].stem]
                for group, things in (("structures", fixed), ("ships", days[k])):
                    name = next(n for n in names if n.startswith(group) and which in n)
                    for thing in things:
                        for row in near(mine, thing)[:1]:
                            count[name] += (1, "static" in row["flags"])
    for name, (seen, marked) in count.items():
        print(f"{name}: {marked} of {seen} detections marked static ({100 * marked / max(seen, 1):.0f} %)")


if __name__ == "__main__":
    main()
