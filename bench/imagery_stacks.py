"""Stacks of containers on simulated yards: found, false, length, ground and boxes against the truth, reliability.

    python bench/imagery_stacks.py [--yards 20] [--dates 6] [--seed 1]

Each yard is seen on several dates at 10, 3 and 1 m; on about half of them a stack of random size and one to three
tiers stands there, on the others none. Sheds, cranes and the ground's own spots stay. All of it is simulated: real
yards hold more kinds of clutter, so the figures say that the method works, not how well it will do.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
from pathlib import Path

import numpy as np
import shapely

from tumen.imagery.areas import Area
from tumen.imagery.scene import open_scene
from tumen.imagery.stacks import measure, window
from tumen.simulate.imagery import TrueStack, port_areas, write_port

CORNER = (130.3, 42.25)
SIZE = (700.0, 500.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yards", type=int, default=20)
    parser.add_argument("--dates", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pixels", type=float, nargs="+", default=[10.0, 3.0, 1.0], help="sizes of a pixel, metres")
    args = parser.parse_args()
    yard = Area("yard", "yard", None, shapely.Polygon(port_areas(CORNER, SIZE)["yard"]))
    for dates in (1, args.dates):
        for pixel_m in args.pixels:
            run(args.yards * (args.dates // dates), dates, pixel_m, np.random.default_rng(args.seed), yard)


def run(yards: int, dates: int, pixel_m: float, rng: np.random.Generator, yard: Area) -> None:
    truth, told = [], []
    for place in range(yards):
        windows, here = [], []
        with tempfile.TemporaryDirectory() as folder:
            for day in range(dates):
                stacks = []
                if rng.random() < 0.5:
                    length, width = rng.uniform(25, 150), rng.uniform(9, 35)
                    stacks.append(
                        TrueStack(rng.uniform(-60, 60), rng.uniform(34, 54), length, width, int(rng.integers(1, 4)))
                    )
                path = Path(folder) / f"sim_{day}.tif"
                write_port(
                    path, rng, stacks=stacks, pixel_m=pixel_m, corner=CORNER, place=place, size_m=SIZE,
                    when=dt.datetime(2024, 1, 1 + day, 2, tzinfo=dt.UTC),
                )  # fmt: skip
                scene = open_scene(path)
                usable = np.ones((-(-scene.height // 8), -(-scene.width // 8)), np.float32)
                windows.append(window(scene, yard, yard.in_pixels(scene), usable))
                scene.close()
                here.append(stacks[0] if stacks else None)
        truth += here
        told += measure(windows)
    p = np.array([s.p_stack for s in told])
    there = np.array([t is not None for t in truth])
    both = [(s, t) for s, t in zip(told, truth, strict=True) if t is not None and s.p_stack >= 0.5]
    length = np.array([s.length_m - t.length_m for s, t in both])
    ground = np.array([s.area_m2 / (t.length_m * t.width_m) for s, t in both])
    held = [s.boxes[1] <= t.boxes <= s.boxes[2] for s, t in both]
    big = np.array([t is not None and t.length_m * t.width_m >= 600 for t in truth])
    print(
        f"{pixel_m:4.0f} m, {dates} dates: found {100 * (p[there] >= 0.5).mean():.0f} % of {there.sum()} stacks "
        f"({100 * (p[big] >= 0.5).mean():.0f} % of {big.sum()} of 600 m2 and more), "
        f"false {100 * (p[~there] >= 0.5).mean():.0f} % of {(~there).sum()}; "
        f"length error {np.abs(length).mean():.1f} m mean absolute ({np.median(length):+.1f} median), ground over truth "
        f"{np.median(ground):.2f} ({np.percentile(ground, 10):.2f} to {np.percentile(ground, 90):.2f}), "
        f"boxes within the 90 % interval {100 * np.mean(held):.0f} %; Brier score {np.mean((p - there) ** 2):.3f}"
    )
    rows = []
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        part = (p >= low) & (p < high)
        if part.any():
            rows.append(f"{p[part].mean():.2f}: {there[part].mean():.2f} of {part.sum()}")
    print("     stated p_stack: share with a stack  " + ", ".join(rows), flush=True)


if __name__ == "__main__":
    main()
