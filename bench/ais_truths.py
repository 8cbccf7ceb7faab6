"""Tracks and port visits against what others wrote down: known segments, and landings of a logbook.

    python bench/ais_truths.py --segments FOLDER
    python bench/ais_truths.py --landings TACSAT.csv EFLALO.csv HARBOURS.csv

FOLDER holds messages as JSON lines with a segment under `expected`, as in the tests of Global Fishing Watch's
gpsdio-segment. TACSAT and EFLALO are exports of the sample data of the R package vmstools (pings of fishing vessels,
and their logbook), HARBOURS has name, lat, lon. None of these is part of Tumen. No setting was chosen on them.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import tempfile
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import pyarrow.parquet as pq

from tumen.ais.pipeline import run

LEAST = 5
HALF_DAY = dt.timedelta(hours=12)


def segments(folder: Path) -> None:
    """Rows of two segments side by side that share a track, and rows of one segment outside its main track."""
    files = sorted(folder.glob("*.json"))
    with tempfile.TemporaryDirectory() as name:
        run(files, Path(name), positions=True, pairs=False)
        parts = [pq.read_table(p).to_pylist() for p in sorted(Path(name, "positions").glob("*.parquet"))]
    track = {
        (r["vessel_id"], r["t"], round(r["lat"], 4), round(r["lon"], 4)): r["track"] for part in parts for r in part
    }
    rows = tested = mixed = split = 0
    for file in files:
        held: dict[str, list[tuple[dt.datetime, int]]] = defaultdict(list)
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if row.get("expected") is None or row["lat"] is None or row["lat"] != row["lat"]:
                continue
            when = dt.datetime.fromisoformat(row["timestamp"])
            found = track.get((str(row["ssvid"]), when, round(row["lat"], 4), round(row["lon"], 4)))
            if found is not None:
                held[row["expected"]].append((when, found))
        long = {k: v for k, v in held.items() if len(v) >= LEAST}
        rows += sum(map(len, held.values()))
        split += sum(len(v) - Counter(g for _, g in v).most_common(1)[0][1] for v in long.values())
        for a, b in combinations(long.values(), 2):
            low, high = max(min(a), min(b))[0], min(max(a), max(b))[0]
            inside = [Counter(g for when, g in side if low <= when <= high) for side in (a, b)]
            if low < high and inside[0] and inside[1]:
                tested += min(inside[0].total(), inside[1].total())
                mixed += (inside[0] & inside[1]).total()
    print(f"{len(files)} numbers, {rows:,} positions with a known segment")
    print(f"rows of segments side by side: {tested:,}, of which {mixed} share a track with the other segment")
    print(f"rows of one segment outside its main track: {split} ({split / max(1, rows):.4f})")


def _when(day: str, clock: str) -> dt.datetime:
    return dt.datetime.strptime(f"{day} {clock.replace(' ', '')}", "%d/%m/%Y %H:%M:%S").replace(tzinfo=dt.UTC)


def landings(tacsat: Path, eflalo: Path, harbours: Path) -> None:
    """Landings with a ping in the six hours before that fall into a visit, or into a gap that could hide one."""
    made = run([tacsat], gazetteer=harbours, pairs=False).tables
    pings: dict[str, list[dt.datetime]] = defaultdict(list)
    with tacsat.open(newline="") as file:
        for row in csv.DictReader(file):
            pings[row["VE_REF"]].append(_when(row["SI_DATE"], row["SI_TIME"]))
    trips: dict[str, tuple[str, dt.datetime, dt.datetime]] = {}
    with eflalo.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["VE_REF"] not in ("", "NA") and row["FT_LDAT"]:
                left, landed = _when(row["FT_DDAT"], row["FT_DTIME"]), _when(row["FT_LDAT"], row["FT_LTIME"])
                trips[row["FT_REF"]] = str(int(float(row["VE_REF"]))), left, landed
    visits: dict[str, list[dict[str, object]]] = defaultdict(list)
    for visit in made["port_visits"].to_pylist():
        if visit["confidence"] >= 2:
            visits[visit["vessel_id"]].append(visit)
    hidden = set(made["hidden_visits"].column("gap_id").to_pylist())
    gaps = defaultdict(list)
    for gap in made["gaps"].to_pylist():
        if gap["gap_id"] in hidden:
            gaps[gap["vessel_id"]].append(gap)
    asked = met = covered = 0
    for vessel, _, landed in trips.values():
        if not any(dt.timedelta(0) <= landed - p <= HALF_DAY / 2 for p in pings.get(vessel, ())):
            continue
        asked += 1
        if any(v["start"] - HALF_DAY <= landed <= v["end"] + HALF_DAY for v in visits[vessel]):  # type: ignore[operator]
            met += 1
        else:
            covered += any(g["start"] <= landed and (landed <= g["end"] or not g["closed"]) for g in gaps[vessel])
    print(
        f"{asked} landings with a ping in the six hours before: {met} in a port visit (within 12 h), {covered} in a gap"
    )
    print(f"  that tells ports within reach, {asked - met - covered} in neither")
    ends: dict[str, list[dt.datetime]] = defaultdict(list)
    for vessel, left, landed in trips.values():
        ends[vessel] += [left, landed]
    true = known = 0
    for vessel, held in visits.items():
        for v in held:
            a, b = v["start"] - 2 * HALF_DAY, v["end"] + 2 * HALF_DAY  # type: ignore[operator]
            if ends[vessel] and min(ends[vessel]) <= b and a <= max(ends[vessel]):
                known += 1
                true += any(a <= t <= b for t in ends[vessel])
    print(
        f"{known} visits of confidence 2 and more in a time with logbook: {true} within a day of a departure or landing"
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=Path, metavar="FOLDER")
    parser.add_argument("--landings", type=Path, nargs=3, metavar=("TACSAT", "EFLALO", "HARBOURS"))
    given = parser.parse_args()
    if given.segments:
        segments(given.segments)
    if given.landings:
        landings(*given.landings)


if __name__ == "__main__":
    main()
