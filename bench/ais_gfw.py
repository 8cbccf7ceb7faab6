"""Port visits beside Global Fishing Watch's open code, on the same simulated rows in one process: speed, and agreement.

    python bench/ais_gfw.py --gfw FOLDER [--rows 200000] [--seed 3]

FOLDER is a checkout of github.com/GlobalFishingWatch/anchorages_pipeline (Apache 2.0; needs the packages apache-beam,
s2sphere and pyyaml). Its own functions are called one after the other, as its pipeline calls them (thin by day, events,
visits), without Beam around them, so that only its work counts. Its anchorages are our ports, its segments our vessels.
Neither is part of Tumen; without FOLDER only Tumen is measured.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tumen.ais import tracks, walk
from tumen.ais.pipeline import run
from tumen.ais.places import Places, Shape, index
from tumen.ais.settings import EventSettings
from tumen.simulate import ais as simulate

Visit = tuple[str, dt.datetime, dt.datetime | None, int]


def fleet_of(rows: int, seed: int) -> tuple[simulate.Fleet, Places]:
    """Ships that lie twelve hours at home and run twelve hours by turns; a third of the homes are ports; silences of up to
    two days are cut out of two ships in three."""
    rng = np.random.default_rng(seed)
    whole = simulate.archive(max(6, rows // 1000), rows, seed)
    keep = np.ones(len(whole.t), bool)
    begin, end = whole.t[0], whole.t[-1]
    for vessel in np.unique(whole.vessel)[::3].tolist() + np.unique(whole.vessel)[1::3].tolist():
        start = rng.uniform(begin, end)
        keep &= ~((whole.vessel == vessel) & (whole.t > start) & (whole.t < start + rng.uniform(2, 48) * 3.6e9))
    parts = (whole.vessel, whole.t, whole.lat, whole.lon, whole.sog, whole.cog)
    fleet = simulate.Fleet(*(column[keep] for column in parts))
    ports = []
    for vessel in np.unique(fleet.vessel)[::3]:
        still = np.flatnonzero((fleet.vessel == vessel) & (fleet.sog == 0))
        if len(still):
            ports.append(Shape(f"Port {vessel}", float(fleet.lat[still[0]]), float(fleet.lon[still[0]])))
    return fleet, Places(ports)


def tumen_rows_per_s(fleet: simulate.Fleet, ports: Places) -> float:
    """Order, split into tracks, speeds and port visits, on one core; the best of five."""
    s = EventSettings()
    shapes = index(ports, s.entry_m, s.polygon_entry_m, s.exit_m - s.entry_m).arrays()
    best = np.inf
    for _ in range(6):
        started = time.process_time()
        order, _, start, _ = tracks.vessel_order(fleet.vessel)
        t = fleet.t[order]
        lat, lon = (np.rint(v[order] * 1e7).astype(np.int32) for v in (fleet.lat, fleet.lon))
        sog, cog = (v[order].astype(np.float32) for v in (fleet.sog, fleet.cog))
        track, fate, made = tracks.split(t, lat, lon, sog, cog, start, s.possible_kn, s.slack_m, s.long_kn)
        keep, begin, _ = tracks.track_order(track, fate, start, made)
        t, lat, lon, sog = t[keep], lat[keep], lon[keep], sog[keep]
        _, speed = walk.steps(t, lat, lon, sog, begin)
        walk.visits(
            t, lat, lon, speed, begin, shapes, s.exit_m - s.entry_m, s.stop_begin_kn, s.stop_end_kn,
            int(s.port_gap_h * walk.HOUR_US),
        )  # fmt: skip
        best = min(best, time.process_time() - started)
    return len(fleet.t) / best


def tumen_visits(fleet: simulate.Fleet, ports: Places) -> list[Visit]:
    """Visits by the whole pipeline."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "SIMULATED.parquet"
        pq.write_table(fleet.table(), path)
        made = run([path], gazetteer=ports, pairs=False, settings={"learn_anchorages": False}).tables["port_visits"]
    return [
        (v["vessel_id"], v["start"], v["end"] if v["exit"] else None, v["confidence"])
        for v in made.to_pylist()
        if v["entry"]
    ]


def theirs(fleet: simulate.Fleet, ports: Places, folder: Path) -> tuple[float, list[Visit]]:
    """Rows a second of GFW's functions, and the visits whose entry they saw."""
    sys.path.insert(0, str(folder))
    from pipe_anchorages import common
    from pipe_anchorages.objects.pseudo_anchorage import PseudoAnchorage
    from pipe_anchorages.transforms.create_in_out_events import CreateInOutEvents
    from pipe_anchorages.transforms.create_port_visits import CreatePortVisits
    from pipe_anchorages.transforms.create_tagged_anchorages import CreateTaggedAnchorages
    from pipe_anchorages.transforms.smart_thin_records import SmartThinRecords, VisitLocationRecord

    s = EventSettings()
    known: dict[str, list[Any]] = defaultdict(list)
    for shape in ports.shapes:
        token = common.LatLon(shape.lat, shape.lon).S2CellId(14).to_token()
        anchorage = PseudoAnchorage(common.LatLon(shape.lat, shape.lon), token, shape.place)
        for cell, one in CreateTaggedAnchorages().tag_anchorage_with_s2ids(anchorage):
            known[cell].append(one)
    when = [dt.datetime.fromtimestamp(t / 1e6, dt.UTC) for t in fleet.t.tolist()]
    # the end of the last day in their terms is the last message in ours
    end = dt.datetime.combine(when[-1].date(), dt.time(), dt.UTC)
    rules = (s.entry_m / 1e3, s.exit_m / 1e3, s.stop_begin_kn, s.stop_end_kn, s.port_gap_h * 60)
    thin = SmartThinRecords(known, *rules, when[0].date(), end.date())
    inout, visits = CreateInOutEvents(*rules, end), CreatePortVisits(60.0)
    days: dict[tuple[str, dt.date], list[Any]] = defaultdict(list)
    columns = zip(fleet.vessel.tolist(), when, fleet.lat.tolist(), fleet.lon.tolist(), fleet.sog.tolist(), strict=True)
    for vessel, t, lat, lon, sog in columns:
        at = common.LatLon(lat, lon)
        days[str(vessel), t.date()].append(
            VisitLocationRecord((str(vessel),) * 3, t, at, sog, False, None, None, None, None)
        )
    started = time.process_time()
    held: dict[str, list[Any]] = defaultdict(list)
    for key, records in days.items():
        held[key[0]] += thin.thin((key, records), known)
    made = [v for item in held.items() for v in visits.create_port_visits(inout.create_in_out_events(item))]
    rate = len(fleet.t) / (time.process_time() - started)
    found = []
    for v in made:
        kinds = {e.event_type for e in v.events}
        if "PORT_ENTRY" in kinds:
            found.append((v.ssvid, v.start_timestamp, v.end_timestamp if "PORT_EXIT" in kinds else None, v.confidence))
    return rate, found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gfw", type=Path, help="checkout of anchorages_pipeline")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    fleet, ports = fleet_of(given.rows, given.seed)
    ours = tumen_rows_per_s(fleet, ports)
    print(f"{len(fleet.t):,} rows, {len(ports)} ports")
    print(f"tumen, tracks and port visits: {ours / 1e6:.2f} M rows/s on one core")
    if not given.gfw:
        print("GFW's code was not given: not measured")
        return
    try:
        rate, other = theirs(fleet, ports, given.gfw)
    except ImportError as error:
        print(f"GFW's code cannot be imported ({error}): not measured")
        return
    print(f"GFW's port visits: {rate:,.0f} rows/s; tumen is {ours / rate:,.0f} times as fast")
    mine = tumen_visits(fleet, ports)
    same = Counter(mine) & Counter(other)
    print(
        f"visits whose entry was seen: tumen {len(mine)}, GFW {len(other)}; same ship, entry, exit and confidence: "
        f"{same.total()}"
    )
    for who, only in (("tumen", Counter(mine) - Counter(other)), ("GFW", Counter(other) - Counter(mine))):
        for vessel, start, stop, sure in sorted(only, key=str)[:3]:
            print(f"  only {who}: {vessel} {start:%d %H:%M} to {stop and f'{stop:%d %H:%M}'}, confidence {sure}")


if __name__ == "__main__":
    main()
