"""One vessel bucket from segments to events: the second stage, one task a bucket, nothing shared.

Takes the segments of a bucket; cleans the tracks and walks them; leaves Arrow tables on disk for the
last stage, which alone looks across vessels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.ais import coast, identity, reasons, tracks, walk
from tumen.ais.geo import E7, KNOT_MS, NAUTICAL_MILE_M, distances_m
from tumen.ais.identity import vessel_id
from tumen.ais.places import Index, Places, index
from tumen.ais.rows import Positions
from tumen.ais.settings import EventSettings
from tumen.ais.shuffle import Segment, load_positions, load_statics

# Changes whenever results made before must not be used again.
BUCKET_VERSION = 1
HOUR_US = 3_600_000_000
TIME = pa.timestamp("us", tz="UTC")
# Reception is counted in slots of six hours.
RECEPTION_US = 6 * HOUR_US
# Rows of one track that are asked of the land mask (up to 2 us each).
LAND_ROWS = 1000


@dataclass(frozen=True)
class Walk:
    """One task of the second stage."""

    bucket: int
    folder: str
    segments: tuple[Segment, ...]
    archives: tuple[str, ...]
    out: str
    settings: EventSettings
    places: str
    positions: str | None


@dataclass
class Cleaned:
    """Rows in track order with what the kernels need beside them."""

    pos: Positions
    segment: np.ndarray
    begin: np.ndarray
    owner: np.ndarray
    number: np.ndarray
    vessels: np.ndarray
    counts: dict[tuple[int, int], int]


def content_hash(*parts: Any) -> str:
    """Short hash of plain values, for identifiers that are the same on every run."""
    return hashlib.sha256("|".join(str(p) for p in parts).encode()).hexdigest()[:16]


@lru_cache(maxsize=2)
def load_places(path: str, entry_m: float, polygon_entry_m: float, margin_m: float) -> tuple[Places, Index]:
    """Places and their index, once a process."""
    import pickle

    # The file is written by the calling process in its own work folder, moments before.
    places: Places = pickle.loads(Path(path).read_bytes())
    return places, index(places, entry_m, polygon_entry_m, margin_m)


def clean(job: Walk) -> Cleaned:
    """Rows of the bucket, sorted, doubles out, split into tracks; counts by (archive, reason)."""
    pos, segment = load_positions(job.folder, list(job.segments), job.bucket)
    counts: dict[tuple[int, int], int] = {}
    order, start, vessels = tracks.vessel_order(pos.vessel)
    pos, segment = pos.take(order), segment[order]
    mended = tracks.mend_clocks(pos.t, pos.lat, pos.lon, start)
    if mended:
        counts[(0, reasons.MENDED)] = int(mended)
    by_time, moved = tracks.time_order(pos.t, start)
    if moved:
        pos, segment = pos.take(by_time), segment[by_time]
    s = job.settings
    track, fate, made = tracks.split(pos.t, pos.lat, pos.lon, pos.sog, pos.cog, start, s.possible_kn, s.slack_m)
    for code, reason in ((tracks.DOUBLE, reasons.DUPLICATE), (tracks.INSTANT, reasons.SAME_INSTANT)):
        gone = np.bincount(segment[fate == code], minlength=len(job.segments))
        for k in np.flatnonzero(gone):
            key = (job.archives.index(job.segments[k].archive), reason)
            counts[key] = counts.get(key, 0) + int(gone[k])
    keep, begin, owner = tracks.track_order(track, fate, start, made)
    if len(keep) != len(pos) or (made > 1).any():
        pos, segment = pos.take(keep), segment[keep]
    first_of = np.searchsorted(owner, owner, side="left")
    return Cleaned(pos, segment, begin, owner, np.arange(len(owner)) - first_of, vessels, counts)


class Events:
    """Builds the tables of one bucket."""

    def __init__(self, job: Walk, data: Cleaned, idents: dict[int, str]) -> None:
        self.job, self.s, self.data = job, job.settings, data
        self.pos, self.begin = data.pos, data.begin
        self.t = data.pos.t
        self.ids = [vessel_id(int(v), idents.get(int(v))) for v in data.vessels]
        self.track_rows = np.diff(data.begin)
        self.of_track = np.repeat(np.arange(len(data.owner)), self.track_rows)
        self.step, self.speed = walk.steps(self.t, data.pos.lat, data.pos.lon, data.pos.sog, data.begin)
        self.way = np.concatenate([[0.0], np.cumsum(self.step, dtype=np.float64)])
        self.places, self.index = load_places(
            job.places, self.s.entry_m, self.s.polygon_entry_m, self.s.exit_m - self.s.entry_m
        )
        self.port_names = self.places.names()
        # A teleport's few rows make no events, but a ship of which little was heard still does.
        self.real = (self.track_rows >= self.s.track_rows) | (data.number == 0)
        self.tables: dict[str, pa.Table] = {}

    def vessel(self, g: int) -> str:
        """Identifier of the vessel of a track."""
        return self.ids[int(self.data.owner[g])]

    def message(self, i: int) -> str:
        """Archive and offset of a row."""
        segment = self.job.segments[int(self.data.segment[i])]
        return f"{segment.archive.rsplit('/', 1)[-1]}@{segment.base + int(self.pos.at[i])}"

    def at(self, i: Any) -> tuple[Any, Any]:
        """Latitude and longitude of rows in degrees."""
        return self.pos.lat[i] / E7, self.pos.lon[i] / E7

    def walk_all(self) -> None:
        """Make every table."""
        self._visits()
        self._voyages()
        self._gaps()
        self._loitering()
        self._spoofing()
        self._shared()

    def _visits(self) -> None:
        s = self.s
        whole, place, self.in_port = walk.visits(
            self.t, self.pos.lat, self.pos.lon, self.speed, self.begin, self.index.arrays(), s.exit_m - s.entry_m,
            s.stop_begin_kn, s.stop_end_kn, int(s.port_gap_h * HOUR_US),
        )  # fmt: skip
        rows: list[dict[str, Any]] = []
        for k in np.flatnonzero(self.real[whole[:, 0]]) if len(whole) else ():
            g, first, last, flags, port, stop, stop_end, count, longest, still = (int(v) for v in whole[k])
            entry, stopped = bool(flags & walk.ENTRY), bool(flags & walk.STOP)
            gap, leave = bool(flags & walk.GAP), bool(flags & walk.EXIT)
            name = self.port_names[port]
            lat, lon = round(float(place[k, 0]), 7), round(float(place[k, 1]), 7)
            a, b = int(self.begin[g]), int(self.begin[g + 1]) - 1
            start, end = int(self.t[first]), int(self.t[last])
            rows.append(
                {
                    "visit_id": content_hash("visit", self.vessel(g), int(self.data.number[g]), start, name),
                    "vessel_id": self.vessel(g), "track": int(self.data.number[g]), "place": name,
                    "berth": self.places.berth(lat, lon, name) if name in self.berthed else None,
                    "start": start, "end": end, "hours": (end - start) / HOUR_US, "lat": lat, "lon": lon,
                    "entry": entry, "stop": stopped, "gap": gap, "exit": leave,
                    "confidence": visit_confidence(entry, stopped, gap, leave),
                    "stop_start": int(self.t[stop]) if stopped else None,
                    "stop_end": int(self.t[stop_end]) if stopped else None,
                    "stopped_hours": still / HOUR_US, "longest_gap_hours": longest / HOUR_US if gap else None,
                    "latest_before": int(self.t[first - 1]) if first > a else None,
                    "earliest_after": (int(self.t[last]) if leave else int(self.t[last + 1])) if leave or last < b else None,
                    "in_case": name in self.places.from_case, "messages": count,
                    "first_message": self.message(first), "last_message": self.message(last),
                    "first_row": first, "last_row": last, "g": g,
                }
            )  # fmt: skip
        self.visits = rows
        self.tables["visits"] = table(rows, VISIT_TYPES)

    @property
    def berthed(self) -> set[str]:
        """Ports that have parts."""
        return {port for part, port in self.places.port_of.items() if part != port}

    def _gaps(self) -> None:
        s, t = self.s, self.t
        long = int(s.gap_h * HOUR_US)
        same = self.of_track[1:] == self.of_track[:-1]
        last = np.flatnonzero(same & (np.diff(t) >= long))
        last = last[self.real[self.of_track[last]]] if len(last) else last
        before = [
            i
            - int(np.searchsorted(t[self.begin[self.of_track[i]] : i + 1], t[i] - 12 * HOUR_US))
            - int(self.begin[self.of_track[i]])
            + 1
            for i in last
        ]
        self.tables["gaps"] = self._gap_table(last, last + 1, before)
        self.gap_rows = last
        # silences that the archive's end leaves open are judged by the last stage, which knows that end
        ends = self.begin[1:][(self.data.number == 0)] - 1
        ends = ends[ends >= 0]
        before = [
            int(i)
            - int(np.searchsorted(t[self.begin[self.of_track[i]] : i + 1], t[i] - 12 * HOUR_US))
            - int(self.begin[self.of_track[i]])
            + 1
            for i in ends
        ]
        self.tables["ends"] = self._gap_table(ends, ends, before)

    def _gap_table(self, last: np.ndarray, after: np.ndarray, before: list[Any]) -> pa.Table:
        lat, lon = self.at(last)
        end_lat, end_lon = self.at(after)
        g = self.of_track[last]
        return pa.table(
            {
                "vessel_id": pa.array([self.vessel(k) for k in g], pa.string()),
                "track": pa.array(self.data.number[g], pa.int32()),
                "start": pa.array(self.t[last]),
                "end": pa.array(self.t[after]),
                "lat": pa.array(lat, pa.float64()), "lon": pa.array(lon, pa.float64()),
                "end_lat": pa.array(end_lat, pa.float64()), "end_lon": pa.array(end_lon, pa.float64()),
                "in_port": pa.array(self.in_port[last]),
                "messages_before": pa.array(before, pa.int32()),
                "first_message": pa.array([self.message(int(i)) for i in last], pa.string()),
                "last_message": pa.array([self.message(int(i)) for i in after], pa.string()),
            }
        )  # fmt: skip

    def _voyages(self) -> None:
        s, t = self.s, self.t
        long = int(s.gap_h * HOUR_US)
        rows = []
        by_track: dict[int, list[dict[str, Any]]] = {}
        visit: dict[str, Any]
        for visit in self.visits:
            if visit["confidence"] >= s.voyage_confidence:
                by_track.setdefault(visit["g"], []).append(visit)
        for g, held in by_track.items():
            a, b = int(self.begin[g]), int(self.begin[g + 1]) - 1
            legs: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = [
                (None, held[0]), *pairwise(held), (held[-1], None)
            ]  # fmt: skip
            for left, reached in legs:
                i = left["last_row"] if left else a
                j = reached["first_row"] if reached else b
                if j <= i:
                    continue
                quiet = np.diff(t[i : j + 1])
                quiet = quiet[quiet >= long]
                rows.append(
                    {
                        "voyage_id": content_hash("voyage", self.vessel(g), int(self.data.number[g]), int(t[i]), int(t[j])),
                        "vessel_id": self.vessel(g), "track": int(self.data.number[g]),
                        "from_place": left["place"] if left else None, "to_place": reached["place"] if reached else None,
                        "from_visit": left["visit_id"] if left else None,
                        "to_visit": reached["visit_id"] if reached else None,
                        "departed": int(t[i]), "arrived": int(t[j]), "hours": (int(t[j]) - int(t[i])) / HOUR_US,
                        "distance_nm": float(self.way[j + 1] - self.way[i + 1]) / NAUTICAL_MILE_M,
                        "gaps": len(quiet), "gap_hours": float(quiet.sum()) / HOUR_US,
                    }
                )  # fmt: skip
        self.tables["voyages"] = table(rows, VOYAGE_TYPES)

    def _loitering(self) -> None:
        s = self.s
        found = walk.loiterings(
            self.t, self.pos.lat, self.pos.lon, self.step, self.speed, self.in_port, self.begin, s.loiter_kn,
            int(s.loiter_h * HOUR_US), int(s.loiter_blip_s * 1e6), int(s.gap_h * HOUR_US),
        )  # fmt: skip
        found = found[self.real[found[:, 0]]] if len(found) else found
        g, first, last = found[:, 0], found[:, 1], found[:, 2]
        took = (self.t[last] - self.t[first]) / 1e6
        lat, lon = self.at((first + last) // 2)
        names = [self.vessel(int(k)) for k in g]
        start = self.t[first]
        self.tables["loitering"] = pa.table(
            {
                "loiter_id": pa.array([content_hash("loiter", n, int(self.data.number[k]), int(a)) for n, k, a in zip(names, g, start, strict=True)], pa.string()),
                "vessel_id": pa.array(names, pa.string()), "track": pa.array(self.data.number[g], pa.int32()),
                "start": pa.array(start), "end": pa.array(self.t[last]), "hours": pa.array(took / 3600),
                "lat": pa.array(lat, pa.float64()), "lon": pa.array(lon, pa.float64()),
                "mean_kn": pa.array(found[:, 3] / np.maximum(took, 1) / KNOT_MS),
                "distance_nm": pa.array(found[:, 3] / NAUTICAL_MILE_M),
                "messages": pa.array(last - first + 1, pa.int32()),
                "first_message": pa.array([self.message(int(i)) for i in first], pa.string()),
                "last_message": pa.array([self.message(int(i)) for i in last], pa.string()),
            }
        )  # fmt: skip

    def _spoofing(self) -> None:
        s, t = self.s, self.t
        rows: list[dict[str, Any]] = []

        def row(g: int, kind: str, first: int, last: int, measure: float | None, confidence: int, **more: Any) -> None:
            middle = (first + last) // 2
            lat, lon = self.at(middle)
            rows.append(
                {
                    "vessel_id": self.vessel(g), "track": int(self.data.number[g]), "kind": kind,
                    "start": int(t[first]), "end": int(t[last]), "hours": (int(t[last]) - int(t[first])) / HOUR_US,
                    "lat": float(lat), "lon": float(lon), "other_track": None, "measure": measure,
                    "confidence": confidence, "messages": last - first + 1,
                    "first_message": self.message(first), "last_message": self.message(last), **more,
                }
            )  # fmt: skip

        self._impossible(row)
        for g, first, last in walk.stales(
            t, self.pos.lat, self.pos.lon, self.pos.sog, self.begin, s.stale_kn, int(s.stale_h * HOUR_US)
        ):
            row(int(g), "stale", int(first), int(last), None, 3 if last - first > 10 else 2)
        found, shape = walk.circles(t, self.pos.lat, self.pos.lon, self.pos.cog, self.step, self.speed, self.begin)
        for (g, first, last), (radius, spread, lat, lon) in zip(found, shape, strict=True):
            row(
                int(g),
                "circle",
                int(first),
                int(last),
                float(radius),
                3 if spread < 0.05 else 2,
                lat=float(lat),
                lon=float(lon),
            )
        self._on_land(row)
        self.tables["spoofing"] = table(rows, SPOOF_TYPES)

    def _impossible(self, row: Any) -> None:
        """Teleports (tracks of few rows), clashes (tracks side by side) and jumps (one after the other)."""
        data, t = self.data, self.t
        for g in np.flatnonzero(data.number > 0):
            a, b = int(self.begin[g]), int(self.begin[g + 1]) - 1
            main = int(g - data.number[g])
            others = [h for h in range(main, g) if self.real[h]]
            shared = [
                h for h in others
                if t[self.begin[h]] <= t[b] and t[self.begin[h + 1] - 1] >= t[a]
            ]  # fmt: skip
            other = max(shared, key=lambda h: int(self.track_rows[h])) if shared else main
            # how far from where the other track was at the time
            near = int(
                np.clip(
                    np.searchsorted(t[self.begin[other] : self.begin[other + 1]], t[a]) + self.begin[other] - 1,
                    self.begin[other],
                    self.begin[other + 1] - 1,
                )
            )
            far = float(distances_m(*self.at(a), *self.at(near))) / 1000
            few = self.track_rows[g] < self.s.track_rows
            kind = "teleport" if few else "clash" if shared else "jump"
            sure = 2 if few else 4 if shared and self.track_rows[g] >= 10 else 3
            row(int(g), kind, a, b, far, sure, other_track=int(data.number[other]))

    def _on_land(self, row: Any) -> None:
        """Runs of fast positions over land. A look at every 50th fast row finds the tracks; of each at most
        LAND_ROWS rows, evenly spread, are asked then, for the mask is slow beside the walk. Land means a kilometre inland."""
        moving = np.flatnonzero(self.speed > 5.0)
        if not len(moving) or not coast.known():
            return
        probe = moving[::50]
        land = coast.inland(*self.at(probe))
        suspicious = np.unique(self.of_track[probe[land]])
        for g in suspicious:
            a, b = int(self.begin[g]), int(self.begin[g + 1])
            rows = np.arange(a, b)[self.speed[a:b] > 5.0]
            rows = rows[:: max(1, -(-len(rows) // LAND_ROWS))]
            dry = coast.inland(*self.at(rows))
            edges = np.flatnonzero(np.diff(np.concatenate([[0], dry.astype(np.int8), [0]])))  # type: ignore[union-attr]
            for first, stop in zip(edges[::2], edges[1::2], strict=True):
                i, j = int(rows[first]), int(rows[stop - 1])
                took = int(self.t[j] - self.t[i])
                if stop - first >= 5 and took >= 600_000_000:
                    row(int(g), "land", i, j, None, 3 if took >= HOUR_US else 2)

    def _shared(self) -> None:
        """What the last stage needs of all vessels: reception, slow points, long stays."""
        s = self.s
        key, _ = walk.heard(self.t, self.pos.lat, self.pos.lon, self.begin, RECEPTION_US)
        unique, ships = _tally(key)
        self.tables["heard"] = pa.table({"key": unique, "ships": ships})
        slot, g, lat, lon = walk.slow_points(
            self.t, self.pos.lat, self.pos.lon, self.step, self.in_port, self.begin, s.slot_s * 1_000_000,
            s.encounter_kn, int(s.interpolate_h * HOUR_US),
        )  # fmt: skip
        keep = self.real[g]
        slot, g, lat, lon = slot[keep], g[keep], lat[keep], lon[keep]
        order = np.argsort(slot, kind="stable")
        slot, g = slot[order], g[order]
        self.tables["slow"] = pa.table(
            {
                "slot": slot, "vessel": self.data.vessels[self.data.owner[g]], "track": self.data.number[g].astype(np.int32),
                "lat": lat[order], "lon": lon[order],
            }
        )  # fmt: skip
        found, mean = walk.stays(
            self.t, self.pos.lat, self.pos.lon, self.begin, 500.0, int(s.anchorage_stay_h * HOUR_US), int(24 * HOUR_US)
        )
        self.tables["stays"] = pa.table(
            {"vessel": self.data.vessels[self.data.owner[found[:, 0]]], "lat": mean[:, 0], "lon": mean[:, 1]}
        )


def _tally(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keys (already one per track and change) and in how many entries each stands."""
    unique, count = np.unique(key, return_counts=True)
    return unique, count.astype(np.int32)


def visit_confidence(entry: bool, stop: bool, gap: bool, leave: bool) -> int:
    """Confidence of a port visit after GFW.

    >>> visit_confidence(True, True, False, True), visit_confidence(True, False, False, False)
    (4, 1)
    """
    if not (stop or gap):
        return 1
    return 4 if entry and leave else 3 if entry or leave else 2


VISIT_TYPES = {
    "visit_id": pa.string(), "vessel_id": pa.string(), "track": pa.int32(), "place": pa.string(), "berth": pa.string(),
    "start": TIME, "end": TIME, "hours": pa.float64(), "lat": pa.float64(), "lon": pa.float64(), "entry": pa.bool_(),
    "stop": pa.bool_(), "gap": pa.bool_(), "exit": pa.bool_(), "confidence": pa.int32(), "stop_start": TIME,
    "stop_end": TIME, "stopped_hours": pa.float64(), "longest_gap_hours": pa.float64(), "latest_before": TIME,
    "earliest_after": TIME, "in_case": pa.bool_(), "messages": pa.int32(), "first_message": pa.string(),
    "last_message": pa.string(),
}  # fmt: skip
VOYAGE_TYPES = {
    "voyage_id": pa.string(), "vessel_id": pa.string(), "track": pa.int32(), "from_place": pa.string(),
    "to_place": pa.string(), "from_visit": pa.string(), "to_visit": pa.string(), "departed": TIME, "arrived": TIME,
    "hours": pa.float64(), "distance_nm": pa.float64(), "gaps": pa.int32(), "gap_hours": pa.float64(),
}  # fmt: skip
SPOOF_TYPES = {
    "vessel_id": pa.string(), "track": pa.int32(), "kind": pa.string(), "start": TIME, "end": TIME,
    "hours": pa.float64(), "lat": pa.float64(), "lon": pa.float64(), "other_track": pa.int32(),
    "measure": pa.float64(), "confidence": pa.int32(), "messages": pa.int32(), "first_message": pa.string(),
    "last_message": pa.string(),
}  # fmt: skip
IDENTITY_TYPES = {
    "vessel_id": pa.string(), "first_seen": TIME, "last_seen": TIME, "messages": pa.int32(), "name": pa.string(),
    "call_sign": pa.string(), "imo": pa.string(), "imo_valid": pa.bool_(), "flag": pa.string(), "mmsi_kind": pa.string(),
    "ship_type": pa.int32(), "length_m": pa.float64(), "width_m": pa.float64(), "draught_m": pa.float64(),
    "destination": pa.string(),
}  # fmt: skip
CHANGE_TYPES = {
    "vessel_id": pa.string(), "field": pa.string(), "before": pa.string(), "after": pa.string(), "last_before": TIME,
    "first_after": TIME, "messages_before": pa.int32(), "messages_after": pa.int32(), "confidence": pa.int32(),
}  # fmt: skip
DRAUGHT_TYPES = {
    "vessel_id": pa.string(), "before_m": pa.float64(), "after_m": pa.float64(), "change_m": pa.float64(),
    "last_before": TIME, "first_after": TIME, "confidence": pa.int32(),
}  # fmt: skip
HULL_TYPES = {"imo": pa.int64(), "vessel": pa.int64(), "first": pa.int64(), "last": pa.int64(), "count": pa.int64()}
COUNT_TYPES = {"archive": pa.int32(), "reason": pa.int32(), "count": pa.int64()}


def table(rows: list[dict[str, Any]], types: dict[str, pa.DataType]) -> pa.Table:
    """Rows as a table of given types, other fields left out; times may be microseconds."""
    return pa.table({name: pa.array([row.get(name) for row in rows], type=kind) for name, kind in types.items()})


def walk_bucket(job: Walk) -> dict[str, str]:
    """Clean and walk one bucket; names of the files of its tables."""
    folder = Path(job.out)
    names = ("visits", "voyages", "gaps", "ends", "loitering", "spoofing", "heard", "slow", "stays", "identities",
             "changes", "draughts", "hulls", "counts")  # fmt: skip
    paths = {name: str(folder / f"{name}.arrow") for name in names}
    if (folder / "done").exists():
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    statics = load_statics(job.folder, list(job.segments), job.bucket).collapse()
    idents: dict[int, str] = {}
    who: dict[str, list[dict[str, Any]]] = {"identities": [], "changes": [], "draughts": [], "hulls": []}
    for vessel, group in identity.messages(statics):
        told = next((m["ident"] for m in group if m["ident"]), None)
        if told:
            idents[vessel] = told
        who["identities"] += identity.identities(vessel, group, job.settings)
        who["changes"] += identity.changes(vessel, group, job.settings)
        who["draughts"] += identity.draughts(vessel, group, job.settings)
        who["hulls"] += identity.hulls(vessel, group)
    data = clean(job)
    events = Events(job, data, idents)
    events.walk_all()
    made = events.tables
    for name, types in (
        ("identities", IDENTITY_TYPES),
        ("changes", CHANGE_TYPES),
        ("draughts", DRAUGHT_TYPES),
        ("hulls", HULL_TYPES),
    ):
        made[name] = table(who[name], types)
    counted = [{"archive": a, "reason": r, "count": c} for (a, r), c in sorted(data.counts.items())]
    made["counts"] = table(counted, COUNT_TYPES)
    for name, path in paths.items():
        write_table(made[name], Path(path))
    if job.positions:
        _write_positions(events, Path(job.positions))
    (folder / "done").touch()
    return paths


def write_table(made: pa.Table, path: Path) -> None:
    """One Arrow file, whole or not at all."""
    import os
    import secrets

    aside = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    with pa.OSFile(str(aside), "wb") as sink, pa.ipc.new_file(sink, made.schema) as writer:
        writer.write_table(made)
    aside.replace(path)


def read_table(path: str) -> pa.Table:
    """A table written by `write_table`, read without copying."""
    with pa.memory_map(path) as source:
        return pa.ipc.open_file(source).read_all()


def _write_positions(events: Events, path: Path) -> None:
    """Cleaned positions of the bucket as Parquet, in the columns of the table `positions`."""
    import pyarrow.parquet as pq

    from tumen.tables import ais as tables

    pos, data = events.pos, events.data
    lat, lon = events.at(slice(None))
    owner = data.owner[events.of_track]
    ids = pa.DictionaryArray.from_arrays(pa.array(owner, pa.int32()), pa.array(events.ids, pa.string()))
    made = tables.POSITIONS.build(
        {
            "vessel_id": ids.dictionary_decode(), "track": pa.array(data.number[events.of_track], pa.int32()),
            "t": pa.array(pos.t).cast(TIME), "lat": pa.array(lat), "lon": pa.array(lon),
            "sog_kn": pa.array(pos.sog, mask=np.isnan(pos.sog)).cast(pa.float64()),
            "cog_deg": pa.array(pos.cog, mask=np.isnan(pos.cog)).cast(pa.float64()),
            "heading_deg": pa.array(pos.heading, mask=pos.heading < 0).cast(pa.int32()),
            "status": pa.array(pos.status, mask=pos.status < 0).cast(pa.int32()),
            "message": pa.array([events.message(i) for i in range(len(pos))], pa.string()),
        }
    )  # fmt: skip
    pq.write_table(made, path, compression="zstd")
