"""Two hulls under one number: how well tracks take apart what belongs to different ships, on simulated ships with truth.

    python bench/ais_clashes.py [--cases 200] [--seed 1]

For each kind of clash and each rhythm of reception prints purity (rows that lie in a track whose most rows are of
the same hull), completeness (rows that lie in the largest track of their hull) and cases with the right number of
tracks (of three rows and more). The row 'one ship' is the control: any split of it is false. Everything is simulated.
"""

from __future__ import annotations

import argparse

import numpy as np

from tumen.ais import tracks
from tumen.ais.settings import EventSettings

HOUR_US = 3_600_000_000
KINDS = ("one ship", "far apart", "near, both under way", "one moored", "crossing", "one after the other")
RHYTHMS = {"3 min": 180.0, "30 min": 1800.0, "2 h": 7200.0, "6 h": 21600.0}


def path(rng: np.random.Generator, hours: float, lat: float, lon: float, moored: bool) -> np.ndarray:
    """One hull by the minute: rows of (seconds, lat, lon, knots, course); legs of some hours, stops between them."""
    minutes = int(hours * 60)
    knots, course = np.zeros(minutes), np.zeros(minutes)
    k = 0
    while k < minutes:
        leg = int(rng.uniform(120, 900))
        stops = moored or rng.random() < 0.25
        knots[k : k + leg] = 0.0 if stops else rng.uniform(6, 17)
        course[k : k + leg] = rng.uniform(0, 360)
        k += leg
    step = knots * 1852 / 60 / 111_195
    y = lat + np.cumsum(step * np.cos(np.radians(course)))
    x = lon + np.cumsum(step * np.sin(np.radians(course)) / np.cos(np.radians(lat)))
    return np.stack([np.arange(minutes) * 60.0, y, x, knots, course])


def case(rng: np.random.Generator, kind: str, every_s: float, told: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one number in time order and the hull of each; 0.3 % of rows are wild fixes (hull -1)."""
    hours = max(48.0, every_s * 60 / 3600)
    lat, lon = rng.uniform(-55, 55), rng.uniform(-170, 170)
    apart = {"far apart": rng.uniform(5, 40), "near, both under way": rng.uniform(0.3, 1.5), "one moored": rng.uniform(0.1, 1.0),
             "one after the other": rng.uniform(20, 60)}.get(kind, 0.0)  # fmt: skip
    bearing = rng.uniform(0, 2 * np.pi)
    second = lat + apart * np.cos(bearing) * 0.5, lon + apart * np.sin(bearing)
    hulls = [path(rng, hours, lat, lon, kind == "one moored")]
    if kind == "crossing":
        other = path(rng, hours, lat, lon, False)
        # both at one place in the middle of the time
        middle = other.shape[1] // 2
        other[1] += hulls[0][1, middle] - other[1, middle] + 0.01
        other[2] += hulls[0][2, middle] - other[2, middle]
        hulls.append(other)
    elif kind != "one ship":
        hulls.append(path(rng, hours, *second, False))
    rows, who = [], []
    for number, hull in enumerate(hulls):
        when = np.cumsum(rng.exponential(every_s, int(hours * 3600 / every_s * 1.5)))
        when = when[when < hours * 3600 - 60]
        if kind == "one after the other":
            when = when[when < hours * 1700] if number == 0 else when[when > hours * 1900]
        if rng.random() < 0.5 and len(when) > 20:
            # a silence of a few hours somewhere
            gap = rng.uniform(0, hours * 3600)
            when = when[(when < gap) | (when > gap + rng.uniform(2, 8) * 3600)]
        minute = (when // 60).astype(int)
        part = hull[:, minute].copy()
        part[0] = when
        step = (when % 60) * part[3] * 1852 / 3600 / 111_195
        part[1] += step * np.cos(np.radians(part[4]))
        part[2] += step * np.sin(np.radians(part[4])) / np.cos(np.radians(lat))
        part[1:3] += rng.normal(0, 10 / 111_195, (2, len(when)))
        rows.append(part)
        who.append(np.full(len(when), number))
    whole, hull_of = np.concatenate(rows, axis=1), np.concatenate(who)
    wild = rng.random(len(hull_of)) < 0.003
    whole[1, wild] += rng.normal(0, 3, wild.sum())
    whole[2, wild] += rng.normal(0, 3, wild.sum())
    hull_of[wild] = -1
    order = np.argsort(whole[0], kind="stable")
    whole, hull_of = whole[:, order], hull_of[order]
    if not told:
        whole[3:] = np.nan
    return whole, hull_of


def tracks_of(rows: np.ndarray, settings: EventSettings) -> np.ndarray:
    """Track of each row."""
    return tracks.split(
        (rows[0] * 1e6).astype(np.int64), np.rint(rows[1] * 1e7).astype(np.int32), np.rint(rows[2] * 1e7).astype(np.int32),
        rows[3].astype(np.float32), rows[4].astype(np.float32), np.array([0, rows.shape[1]]), settings.possible_kn,
        settings.slack_m, settings.long_kn,
    )[0]  # fmt: skip


def score(track: np.ndarray, hull: np.ndarray) -> tuple[float, float, bool]:
    """Purity, completeness, and whether there are as many tracks of three rows and more as hulls."""
    true = hull >= 0
    track, hull = track[true], hull[true]
    table = np.zeros((track.max() + 1, hull.max() + 1), dtype=int)
    np.add.at(table, (track, hull), 1)
    real = int(np.count_nonzero(table.sum(axis=1) >= 3))
    return (
        float(table.max(axis=1).sum() / len(hull)),
        float(table.max(axis=0).sum() / len(hull)),
        real == len(np.unique(hull)),
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    settings = EventSettings()
    print(f"{'clash':22s} {'reception':9s} {'told':5s} purity  complete  right number")
    for kind in KINDS:
        for name, every in RHYTHMS.items():
            for told in (True, False):
                rng = np.random.default_rng([given.seed, KINDS.index(kind), int(every), told])
                found = []
                for _ in range(given.cases):
                    rows, hull = case(rng, kind, every, told)
                    found.append(score(tracks_of(rows, settings), hull))
                pure, whole, right = np.mean(np.array(found, dtype=float), axis=0)
                print(f"{kind:22s} {name:9s} {'yes' if told else 'no':5s} {pure:6.3f}  {whole:6.3f}    {right:5.2f}")


if __name__ == "__main__":
    main()
