"""How often a port visit of each confidence is a true call, and how many calls are found, on simulated ships.

    python bench/ais_visits.py [--ships 400] [--seed 1]

Ships run along a coast with a port every 25 km or so, mostly two to eight kilometres off, and stop in some; in some
stops the transmitter is silent; of three ships in ten one day only is known. Reception is thinned to one message in 3 minutes, 30 minutes, 2 hours or 6 hours. A
visit is true where the ship truly lay in that port for an hour or more within the visit, give or take the silence around
it. The shares hold for this made-up coast: they tell how much weaker a confidence is, not what your archive gives.
"""

from __future__ import annotations

import argparse

import numpy as np

from tumen.ais import walk
from tumen.ais.bucket import visit_confidence
from tumen.ais.geo import distances_m
from tumen.ais.places import Places, Shape, index
from tumen.ais.settings import EventSettings

RHYTHMS = {"3 min": 180.0, "30 min": 1800.0, "2 h": 7200.0, "6 h": 21600.0}
HOUR_US = 3_600_000_000
DAYS = 20


def coast(rng: np.random.Generator, ports: int = 40) -> np.ndarray:
    """Ports along a meridian: latitude, longitude."""
    return np.stack([30 + np.cumsum(rng.uniform(0.15, 0.3, ports)), 150 + rng.normal(0, 0.03, ports)], axis=1)


def voyage(rng: np.random.Generator, ports: np.ndarray) -> tuple[np.ndarray, list[tuple[int, float, float]]]:
    """One ship by the minute (seconds, lat, lon, knots, silent) and its true calls (port, from, to in seconds)."""
    points: list[tuple[float, float, float, float]] = []
    calls: list[tuple[int, float, float]] = []
    t, at = rng.uniform(0, 86_400), int(rng.integers(len(ports)))
    y, x = ports[at] + rng.normal(0, 0.004, 2)
    knots = rng.uniform(8, 15)
    off = rng.uniform(2.0, 8.0) / 90.0
    while t < DAYS * 86_400:
        stay = rng.uniform(2, 40) * 3600
        silent = float(rng.random() < 0.2)
        points += [(t, y, x, silent), (t + stay, y, x, silent)]
        calls.append((at, t, t + stay))
        t += stay
        at = int(rng.choice([p for p in range(len(ports)) if p != at]))
        goal = ports[at] + rng.normal(0, 0.004, 2)
        # out to the lane, along it, and in
        for ny, nx in ((y, 150 + off), (goal[0], 150 + off), (goal[0], goal[1])):
            way = float(distances_m(y, x, ny, nx))
            t += max(60.0, way / (knots * 1852 / 3600))
            points.append((t, ny, nx, 0.0))
            y, x = ny, nx
    when, lat, lon, quiet = np.array(points).T
    minute = np.arange(0.0, DAYS * 86_400, 60.0)
    minute = minute[minute >= when[0]]
    track = np.stack([minute, np.interp(minute, when, lat), np.interp(minute, when, lon)])
    step = distances_m(track[1, :-1], track[2, :-1], track[1, 1:], track[2, 1:])
    speed = np.append(step / 60 / 1852 * 3600, 0.0)
    leg = np.clip(np.searchsorted(when, minute, side="right") - 1, 0, len(when) - 1)
    mute = (quiet[leg] > 0) & (speed < 0.1)
    return np.stack([*track, speed, mute]), calls


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ships", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    s = EventSettings()
    total = np.zeros((5, 2))
    print(
        "reception  confidence: visits, share true ...                                    calls found (confidence 2+)"
    )
    for name, every in RHYTHMS.items():
        rng = np.random.default_rng([given.seed, int(every)])
        ports = coast(rng)
        shapes = index(Places([Shape(f"P{k}", y, x) for k, (y, x) in enumerate(ports)]), s.entry_m, 200, 1000).arrays()
        tally, found, calls_all = np.zeros((5, 2)), 0, 0
        for _ in range(given.ships):
            rows, calls = voyage(rng, ports)
            heard = np.flatnonzero((rng.random(rows.shape[1]) < 60.0 / every) & (rows[4] == 0))
            if rng.random() < 0.3:
                # an archive of one day: stays that were begun before it and go on after it
                begin_s = rng.uniform(0, (DAYS - 1) * 86_400)
                heard = heard[(rows[0, heard] > begin_s) & (rows[0, heard] < begin_s + 86_400)]
            if len(heard) < 3:
                continue
            t = (rows[0, heard] * 1e6).astype(np.int64)
            lat = np.rint((rows[1, heard] + rng.normal(0, 5e-5, len(heard))) * 1e7).astype(np.int32)
            lon = np.rint((rows[2, heard] + rng.normal(0, 5e-5, len(heard))) * 1e7).astype(np.int32)
            begin = np.array([0, len(t)])
            _, speed = walk.steps(t, lat, lon, np.round(rows[3, heard], 1).astype(np.float32), begin)
            whole, _, _ = walk.visits(
                t, lat, lon, speed, begin, shapes, s.exit_m - s.entry_m, s.stop_begin_kn, s.stop_end_kn,
                int(s.port_gap_h * HOUR_US),
            )  # fmt: skip
            hit = set()
            for row in whole:
                flags = int(row[3])
                sure = visit_confidence(
                    bool(flags & walk.ENTRY), bool(flags & walk.STOP), bool(flags & walk.GAP), bool(flags & walk.EXIT)
                )
                first, last = int(row[1]), int(row[2])
                a = t[max(0, first - 1)] / 1e6
                b = t[min(len(t) - 1, last + 1)] / 1e6
                # a call shows at most where a message of its time, or a silence across it, lies in the visit
                true = [n for n, (port, c, d) in enumerate(calls) if port == row[4] and min(b, d) - max(a, c) >= 3600]
                tally[sure] += 1, bool(true)
                if sure >= 2:
                    hit |= set(true)
            inside = {n for n, (_, c, d) in enumerate(calls) if d > t[0] / 1e6 and c < t[-1] / 1e6 and d - c >= 3600}
            found += len(hit & inside)
            calls_all += len(inside)
        total += tally
        listing = "  ".join(f"{c}: {int(n):6d} {k / n if n else np.nan:.3f}" for c, (n, k) in enumerate(tally) if c)
        print(f"{name:10s} {listing}   {found / calls_all:.3f} of {calls_all}")
    listing = "  ".join(f"{c}: {int(n):6d} {k / n if n else np.nan:.3f}" for c, (n, k) in enumerate(total) if c)
    print(f"{'all':10s} {listing}")


if __name__ == "__main__":
    main()
