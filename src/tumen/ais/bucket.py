"""One vessel bucket from segments to events: the second stage, one task a bucket, nothing shared.

Takes the segments of a bucket; cleans the tracks and walks them; leaves Arrow tables on disk for the
last stage, which alone looks across vessels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen.ais import coast, identity, reasons, tracks, walk
from tumen.ais.bucketfile import (
    CHANGE_TYPES,
    COUNT_TYPES,
    DRAUGHT_TYPES,
    HULL_TYPES,
    IDENTITY_TYPES,
    SPOOF_TYPES,
    TIME,
    VISIT_TYPES,
    VOYAGE_TYPES,
    table,
    write_tables,
)
from tumen.ais.geo import E7, KNOT_MS, NAUTICAL_MILE_M, distances_m
from tumen.ais.identity import vessel_id
from tumen.ais.ids import event_ids
from tumen.ais.places import Index, Places, index, with_learned
from tumen.ais.settings import EventSettings
from tumen.ais.shuffle import Part, positions_of, statics_of
from tumen.ais.work import folder, parquet

# Changes whenever results made before must not be used again.
BUCKET_VERSION = 7
HOUR_US = 3_600_000_000
# From one visit to the next, the visit on whose raising it hangs, and whether it holds when raised or when not.
Visit = dict[str, Any]
Leg = tuple[Visit | None, Visit | None, Visit | None, bool]
# Stands for a distance to land that the last stage has to ask for.
NOT_ASKED = -1.0
# Reception is counted in slots of six hours.
RECEPTION_US = 6 * HOUR_US
# Rows of one track that are asked of the land mask (up to 2 us each).
LAND_ROWS = 1000


@dataclass(frozen=True)
class Walk:
    """One task of the second stage; `learned` are anchorages (name, lat, lon) beside the known places, `positions` the
    folder for cleaned positions, and `mark` tells what they are made of."""

    bucket: int
    folder: str
    parts: tuple[Part, ...]
    archives: tuple[str, ...]
    out: str
    settings: EventSettings
    places: str
    positions: str | None
    pairs: bool = True
    learned: tuple[tuple[str, float, float], ...] = ()
    mark: str = ""

    @property
    def positions_name(self) -> str:
        """File of the bucket's cleaned positions."""
        return f"positions/{self.bucket:05d}.parquet"


@dataclass
class Cleaned:
    """Rows in track order; `row` is the number of a row in the order of the parts."""

    t: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    sog: np.ndarray
    cog: np.ndarray
    row: np.ndarray
    begin: np.ndarray
    owner: np.ndarray
    number: np.ndarray
    vessels: np.ndarray
    counts: dict[tuple[int, int], int]
    held: list[dict[str, np.ndarray]]
    starts: np.ndarray


@lru_cache(maxsize=4)
def load_places(
    address: str, name: str, learned: tuple[tuple[str, float, float], ...], entry_m: float, polygon_entry_m: float,
    margin_m: float,
) -> tuple[Places, Index]:  # fmt: skip
    """Places and their index, once a process."""
    import pickle

    # The file is written by the calling process in its own work folder, moments before.
    places: Places = pickle.loads(folder(address).read(name))
    places = with_learned(places, learned)
    return places, index(places, entry_m, polygon_entry_m, margin_m)


def clean(job: Walk) -> Cleaned:
    """Rows of the bucket, sorted, doubles out, split into tracks; counts by (archive, reason)."""
    work = folder(job.folder)
    held = [positions_of(work, part) for part in job.parts]
    starts = np.concatenate([[0], np.cumsum([part.rows for part in job.parts])]).astype(np.int64)
    vessel = np.concatenate([h["vessel"] for h in held]) if held else np.zeros(0, np.int64)
    counts: dict[tuple[int, int], int] = {}
    row, to, start, vessels = tracks.vessel_order(vessel)
    n = len(vessel)
    t, lat, lon = np.empty(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int32)
    sog, cog = np.empty(n, np.float32), np.empty(n, np.float32)
    for h, at in zip(held, starts, strict=False):
        tracks.put_rows(to, at, h["t"], h["lat"], h["lon"], h["sog"], h["cog"], t, lat, lon, sog, cog)
    mended = tracks.mend_clocks(t, lat, lon, start)
    if mended:
        counts[(0, reasons.MENDED)] = int(mended)
    by_time, moved = tracks.time_order(t, start)
    if moved:
        t, lat, lon, sog, cog, row = (column[by_time] for column in (t, lat, lon, sog, cog, row))
    s = job.settings
    track, fate, made = tracks.split(t, lat, lon, sog, cog, start, s.possible_kn, s.slack_m, s.long_kn)
    for code, reason in ((tracks.DOUBLE, reasons.DUPLICATE), (tracks.INSTANT, reasons.SAME_INSTANT)):
        gone = row[fate == code]
        if not len(gone):
            continue
        many = np.bincount(np.searchsorted(starts, gone, side="right") - 1, minlength=len(job.parts))
        for k in np.flatnonzero(many):
            key = (job.archives.index(job.parts[k].archive), reason)
            counts[key] = counts.get(key, 0) + int(many[k])
    keep, begin, owner = tracks.track_order(track, fate, start, made)
    if len(keep) != n or (made > 1).any():
        t, lat, lon, sog, cog, row = (column[keep] for column in (t, lat, lon, sog, cog, row))
    first_of = np.searchsorted(owner, owner, side="left")
    number = np.arange(len(owner)) - first_of
    return Cleaned(t, lat, lon, sog, cog, row, begin, owner, number, vessels, counts, held, starts)


class Events:
    """Builds the tables of one bucket."""

    def __init__(self, job: Walk, data: Cleaned, idents: dict[int, str]) -> None:
        self.job, self.s, self.data = job, job.settings, data
        self.begin, self.t, self.lat, self.lon = data.begin, data.t, data.lat, data.lon
        self.ids = [vessel_id(int(v), idents.get(int(v))) for v in data.vessels]
        self.track_rows = np.diff(data.begin)
        self.of_track = np.repeat(np.arange(len(data.owner), dtype=np.int32), self.track_rows)
        self.step, self.speed = walk.steps(self.t, self.lat, self.lon, data.sog, data.begin)
        self.places, self.index = load_places(
            job.folder, job.places, job.learned, self.s.entry_m, self.s.polygon_entry_m, self.s.exit_m - self.s.entry_m
        )
        self.port_names = self.places.names()
        self.labels = [a.rsplit("/", 1)[-1] for a in (part.archive for part in job.parts)]
        # A teleport's few rows make no events, but a ship of which little was heard still does.
        self.real = (self.track_rows >= self.s.track_rows) | (data.number == 0)
        self.tables: dict[str, pa.Table] = {}

    def vessel(self, g: int) -> str:
        """Identifier of the vessel of a track."""
        return self.ids[int(self.data.owner[g])]

    def vessels(self, g: np.ndarray) -> pa.Array:
        """Identifiers of the vessels of tracks."""
        return pa.array(self.ids, pa.string()).take(pa.array(self.data.owner[g]))

    @cached_property
    def offsets(self) -> np.ndarray:
        """Offset in its archive of every row, in the order of the parts."""
        parts = [h["at"].astype(np.int64) + p.base for h, p in zip(self.data.held, self.job.parts, strict=True)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def messages(self, rows: Any) -> pa.Array:
        """Archive and offset of rows."""
        number = self.data.row[np.asarray(rows, dtype=np.int64)]
        part = np.searchsorted(self.data.starts, number, side="right") - 1
        labels = pa.array(self.labels, pa.string()).take(pa.array(part))
        return pc.binary_join_element_wise(labels, pa.array(self.offsets[number]).cast(pa.string()), "@")

    def at(self, i: Any) -> tuple[Any, Any]:
        """Latitude and longitude of rows in degrees."""
        return self.lat[i] / E7, self.lon[i] / E7

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
            self.t, self.lat, self.lon, self.speed, self.begin, self.index.arrays(), s.exit_m - s.entry_m,
            s.stop_begin_kn, s.stop_end_kn, int(s.port_gap_h * HOUR_US),
        )  # fmt: skip
        rows: list[dict[str, Any]] = []
        chosen = np.flatnonzero(self.real[whole[:, 0]])
        firsts, lasts = (self.messages(whole[chosen, k]).to_pylist() for k in (1, 2))
        of, named = whole[chosen, 0], [self.port_names[k] for k in whole[chosen, 4].tolist()]
        ids = event_ids("visit", self.vessels(of), self.data.number[of], self.t[whole[chosen, 1]], named).to_pylist()
        # the last that was heard under a number, on whichever of its tracks
        heard_last = np.full(len(self.data.vessels), np.iinfo(np.int64).min)
        np.maximum.at(heard_last, self.data.owner, self.t[self.begin[1:] - 1])
        berthed = self.berthed
        for k, visit_id, first_message, last_message in zip(chosen, ids, firsts, lasts, strict=True):
            g, first, last, flags, port, stop, stop_end, count, longest, still = whole[k].tolist()
            entry, stopped = bool(flags & walk.ENTRY), bool(flags & walk.STOP)
            gap, leave = bool(flags & walk.GAP), bool(flags & walk.EXIT)
            name = self.port_names[port]
            lat, lon = round(float(place[k, 0]), 7), round(float(place[k, 1]), 7)
            a, b = int(self.begin[g]), int(self.begin[g + 1]) - 1
            start, end = int(self.t[first]), int(self.t[last])
            rows.append(
                {
                    "visit_id": visit_id, "vessel_id": self.vessel(g), "track": int(self.data.number[g]), "place": name,
                    "berth": self.places.berth(lat, lon, name) if name in berthed else None,
                    "start": start, "end": end, "hours": (end - start) / HOUR_US, "lat": lat, "lon": lon,
                    "entry": entry, "stop": stopped, "gap": gap, "exit": leave,
                    "confidence": visit_confidence(entry, stopped, gap, leave),
                    "stop_start": int(self.t[stop]) if stopped else None,
                    "stop_end": int(self.t[stop_end]) if stopped else None,
                    "stopped_hours": still / HOUR_US, "longest_gap_hours": longest / HOUR_US if gap else None,
                    "latest_before": int(self.t[first - 1]) if first > a else None,
                    "earliest_after": (int(self.t[last]) if leave else int(self.t[last + 1])) if leave or last < b else None,
                    "in_case": name in self.places.from_case, "messages": count,
                    "open": not leave and last == b and end == int(heard_last[self.data.owner[g]]),
                    "first_message": first_message, "last_message": last_message, "first_row": first, "last_row": last, "g": g,
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
        self.tables["gaps"] = self._gap_table(last, last + 1, True)
        # silences that the archive's end leaves open are judged by the last stage, which knows that end
        ends = self.begin[1:][(self.data.number == 0)] - 1
        ends = ends[ends >= 0]
        self.tables["ends"] = self._gap_table(ends, ends, False)

    def _gap_table(self, last: np.ndarray, after: np.ndarray, closed: bool) -> pa.Table:
        t = self.t
        before = walk.messages_within(t, self.begin[self.of_track[last]], last, 12 * HOUR_US)
        lat, lon = self.at(last)
        end_lat, end_lon = self.at(after)
        # silences left open at the end are asked of the land only where they are long enough already in this bucket
        ask = np.full(len(last), closed)
        if not closed and len(last):
            ask = t[last] <= t[last].max() - int(self.s.gap_h * HOUR_US)
        coast_nm = np.full(len(last), NOT_ASKED)
        coast_nm[ask] = coast.distance_nm(lat[ask], lon[ask])
        g = self.of_track[last]
        # told course, else that of the last step of which the fix's jitter is not most
        back = np.maximum(last - 1, self.begin[g])
        dx = (self.lon[last].astype(float) - self.lon[back]) * np.cos(np.radians(lat))
        dy = self.lat[last].astype(float) - self.lat[back]
        made_good = np.where(np.hypot(dx, dy) > 20_000, np.degrees(np.arctan2(dx, dy)) % 360, np.nan)
        told = self.data.cog[last].astype(float)
        return pa.table(
            {
                "last_kn": self.speed[last].astype(float), "last_deg": np.where(np.isnan(told), made_good, told),
                "vessel_id": self.vessels(g),
                "track": pa.array(self.data.number[g], pa.int32()),
                "start": pa.array(self.t[last]),
                "end": pa.array(self.t[after]),
                "lat": pa.array(lat, pa.float64()), "lon": pa.array(lon, pa.float64()),
                "end_lat": pa.array(end_lat, pa.float64()), "end_lon": pa.array(end_lon, pa.float64()),
                "in_port": pa.array(self.in_port[last]),
                "messages_before": pa.array(before, pa.int32()),
                "coast_nm": pa.array(coast_nm),
                "first_message": self.messages(last),
                "last_message": self.messages(after),
            }
        )  # fmt: skip

    def _voyages(self) -> None:
        """Ways between visits. Where a track's last visit is open and would count if her silence turns out to be a port
        gap, which only the last stage can tell, both endings are told and hang on that visit."""
        s, t = self.s, self.t
        long = int(s.gap_h * HOUR_US)
        rows = []
        by_track: dict[int, list[dict[str, Any]]] = {}
        visit: dict[str, Any]
        for visit in self.visits:
            counts = visit["confidence"] >= s.voyage_confidence
            if counts or (visit["open"] and raised_confidence(visit) >= s.voyage_confidence):
                by_track.setdefault(visit["g"], []).append(visit)
        for g, held in by_track.items():
            a, b = int(self.begin[g]), int(self.begin[g + 1]) - 1
            ends: list[dict[str, Any] | None] = [None, *held, None]
            legs: list[Leg] = [(left, reached, None, False) for left, reached in pairwise(ends)]
            hangs = held[-1] if held[-1]["confidence"] < s.voyage_confidence else None
            if hangs:
                before = held[-2] if len(held) > 1 else None
                legs[-2:] = [(before, hangs, hangs, True)]
                if before:
                    legs.append((before, None, hangs, False))
            for left, reached, hung, raised in legs:
                i = left["last_row"] if left else a
                j = reached["first_row"] if reached else b
                if j <= i:
                    continue
                quiet = np.diff(t[i : j + 1])
                quiet = quiet[quiet >= long]
                rows.append(
                    {
                        "voyage_id": "",
                        "vessel_id": self.vessel(g), "track": int(self.data.number[g]),
                        "from_place": left["place"] if left else None, "to_place": reached["place"] if reached else None,
                        "from_visit": left["visit_id"] if left else None,
                        "to_visit": reached["visit_id"] if reached else None,
                        "departed": int(t[i]), "arrived": int(t[j]), "hours": (int(t[j]) - int(t[i])) / HOUR_US,
                        "distance_nm": float(np.sum(self.step[i + 1 : j + 1], dtype=np.float64)) / NAUTICAL_MILE_M,
                        "gaps": len(quiet), "gap_hours": float(quiet.sum()) / HOUR_US,
                        "hangs_on": hung["visit_id"] if hung else None, "if_raised": raised,
                    }
                )  # fmt: skip
        made = table(rows, VOYAGE_TYPES)
        times = (made.column(n).cast(pa.int64()).to_numpy() for n in ("departed", "arrived"))
        named = event_ids("voyage", made.column("vessel_id"), made.column("track").to_numpy(), *times)
        self.tables["voyages"] = made.set_column(0, "voyage_id", named)

    def _loitering(self) -> None:
        s = self.s
        found = walk.loiterings(
            self.t, self.lat, self.lon, self.step, self.speed, self.in_port, self.begin, s.loiter_kn,
            int(s.loiter_h * HOUR_US), int(s.loiter_blip_s * 1e6), int(s.gap_h * HOUR_US),
        )  # fmt: skip
        found = found[self.real[found[:, 0]]] if len(found) else found
        g, first, last = found[:, 0], found[:, 1], found[:, 2]
        took = (self.t[last] - self.t[first]) / 1e6
        lat, lon = self.at((first + last) // 2)
        names, number = self.vessels(g), self.data.number[g]
        start, hours = self.t[first], took / 3600
        messages = last - first + 1
        near = coast.distance_nm(lat, lon)
        # NaN (land not known) is never beyond the rule, and `gfw_rule` then null
        offshore = near >= s.loiter_coast_nm
        sure = 1 + (hours >= 4) + offshore.astype(np.int32) + (messages >= 4 * hours)
        self.tables["loitering"] = pa.table(
            {
                "loiter_id": event_ids("loiter", names, number, start), "vessel_id": names, "track": pa.array(number, pa.int32()),
                "start": pa.array(start).cast(TIME), "end": pa.array(self.t[last]).cast(TIME), "hours": pa.array(hours),
                "lat": pa.array(lat, pa.float64()), "lon": pa.array(lon, pa.float64()),
                "mean_kn": pa.array(found[:, 3] / np.maximum(took, 1) / KNOT_MS),
                "distance_nm": pa.array(found[:, 3] / NAUTICAL_MILE_M),
                "coast_nm": pa.array(near, mask=~np.isfinite(near)), "gfw_rule": pa.array(offshore, mask=np.isnan(near)),
                "confidence": pa.array(sure, pa.int32()), "messages": pa.array(messages, pa.int32()),
                "first_message": self.messages(first), "last_message": self.messages(last),
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
                    "confidence": confidence, "messages": last - first + 1, "first_row": first, "last_row": last, **more,
                }
            )  # fmt: skip

        self._impossible(row)
        for g, first, last in walk.stales(
            t, self.lat, self.lon, self.data.sog, self.begin, s.stale_kn, int(s.stale_h * HOUR_US)
        ):
            row(int(g), "stale", int(first), int(last), None, 3 if last - first > 10 else 2)
        found, shape = walk.circles(t, self.lat, self.lon, self.data.cog, self.step, self.speed, self.begin)
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
        made = table(rows, SPOOF_TYPES)
        for name, end in (("first_message", "first_row"), ("last_message", "last_row")):
            made = made.append_column(name, self.messages([r[end] for r in rows]))
        self.tables["spoofing"] = made

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
            dry = np.asarray(coast.inland(*self.at(rows)), dtype=bool)
            # a ship of which most fast rows lie inland runs on a river or canal that the mask does not know
            river = 2 * np.count_nonzero(dry) > len(rows)
            edges = np.flatnonzero(np.diff(np.concatenate([[0], dry.astype(np.int8), [0]])))
            for first, stop in zip(edges[::2], edges[1::2], strict=True):
                i, j = int(rows[first]), int(rows[stop - 1])
                took = int(self.t[j] - self.t[i])
                if stop - first >= 5 and took >= 600_000_000:
                    row(int(g), "land", i, j, None, 1 if river else 3 if took >= HOUR_US else 2)

    def _shared(self) -> None:
        """What the last stage needs of all vessels: reception, slow points, long stays."""
        s = self.s
        key, _ = walk.heard(self.t, self.lat, self.lon, self.begin, RECEPTION_US)
        unique, ships = _tally(key)
        self.tables["heard"] = pa.table({"key": unique, "ships": ships})
        self.tables["area"] = pa.table({"cell": np.flatnonzero(walk.area(self.lat, self.lon))})
        slot, g, lat, lon = walk.slow_points(
            self.t, self.lat, self.lon, self.step, self.in_port, self.begin, self.real, s.slot_s * 1_000_000,
            86_400 // s.slot_s, s.encounter_kn, int(s.interpolate_h * HOUR_US), self.job.pairs,
        )  # fmt: skip
        # tracks are numbered among those that were slow at all
        slow = np.zeros(len(self.data.owner), dtype=bool)
        slow[g] = True
        used = np.flatnonzero(slow)
        dense = np.cumsum(slow, dtype=np.int32) - np.int32(1)
        self.slow = [slot, dense[g], lat, lon]
        self.tables["slow_tracks"] = pa.table(
            {
                "vessel": self.data.vessels[self.data.owner[used]], "track": self.data.number[used].astype(np.int32),
                "vessel_id": self.vessels(used),
            }
        )  # fmt: skip
        # points come day by day
        day = slot // (86_400 // s.slot_s)
        first = np.flatnonzero(np.concatenate([np.ones(min(1, len(day)), bool), day[1:] != day[:-1]]))
        many = np.diff(first, append=len(day))
        self.tables["slow_days"] = pa.table({"day": day[first].astype(np.int64), "points": many.astype(np.int64)})
        found, mean = walk.stays(
            self.t, self.lat, self.lon, self.begin, 500.0, int(s.anchorage_stay_h * HOUR_US), int(24 * HOUR_US)
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


def raised_confidence(visit: Mapping[str, Any]) -> int:
    """Confidence of an open visit once the silence after it has become a port gap."""
    return visit_confidence(visit["entry"], visit["stop"], True, visit["exit"])


def walk_bucket(job: Walk) -> str:
    """Clean and walk one bucket; name of the file of its tables."""
    work = folder(job.folder)
    wanted = job.positions and folder(job.positions).mark(job.positions_name) != job.mark.encode()
    if work.exists(job.out) and not wanted:
        return job.out
    statics = statics_of(work, job.parts).collapse()
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
    if job.positions and wanted:
        folder(job.positions).write(job.positions_name, parquet(_cleaned_positions(events), job.mark))
    # the tables mark the bucket as done: they come last
    work.write(f"{job.out}.slow", [np.ascontiguousarray(values).data for values in events.slow])
    write_tables(made, work, job.out)
    return job.out


def _cleaned_positions(events: Events) -> pa.Table:
    """Cleaned positions of the bucket, in the columns of the table `positions`."""
    from tumen.tables import ais as tables

    data = events.data

    def told(name: str) -> np.ndarray:
        """A column that the walk does not need, from the parts."""
        whole = np.concatenate(
            [h[name] if name in h else np.full(len(h["t"]), -1, np.int32) for h in data.held] or [np.zeros(0, np.int32)]
        )
        return whole[data.row]

    lat, lon = events.at(slice(None))
    owner = data.owner[events.of_track]
    ids = pa.DictionaryArray.from_arrays(pa.array(owner, pa.int32()), pa.array(events.ids, pa.string()))
    heading, status = told("heading"), told("status")
    return tables.POSITIONS.build(
        {
            "vessel_id": ids.dictionary_decode(), "track": pa.array(data.number[events.of_track], pa.int32()),
            "t": pa.array(data.t).cast(TIME), "lat": pa.array(lat), "lon": pa.array(lon),
            "sog_kn": pa.array(data.sog, mask=np.isnan(data.sog)).cast(pa.float64()),
            "cog_deg": pa.array(data.cog, mask=np.isnan(data.cog)).cast(pa.float64()),
            "heading_deg": pa.array(heading, mask=heading < 0).cast(pa.int32()),
            "status": pa.array(status, mask=status < 0).cast(pa.int32()),
            "message": events.messages(np.arange(len(data.t))),
        }
    )  # fmt: skip
